// A dialog that asks before something is done.

import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { notify } from './announce';
import { messageField } from './composer';
import { Modal } from './modal';
import { t } from './texts';

interface ConfirmProps {
  title: string;
  button: string;
  act: () => Promise<void>;
  close: () => void;
  children: ComponentChildren;
}

export function Confirm({ title, button, act, close, children }: ConfirmProps) {
  const isBusy = useSignal(false);
  const confirm = async () => {
    isBusy.value = true;
    try {
      await act();
    } catch (thrown) {
      notify((thrown as Error).message);
    }
    close();
    // The element that had the focus may have been deleted.
    requestAnimationFrame(() => {
      if (document.activeElement === document.body) messageField.current?.focus();
    });
  };
  return (
    <Modal title={title} close={close}>
      <p>{children}</p>
      <p class="buttons">
        <button type="button" class="strong" disabled={isBusy.value} onClick={confirm}>
          {button}
        </button>
        <button type="button" class="quiet" onClick={close}>
          {t.cancel}
        </button>
      </p>
    </Modal>
  );
}
