// Dialogs.

import { signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { notify } from './announce';
import type { Summary } from './api';
import { messageField } from './composer';
import { deleteConversation } from './conversations';
import { continueAsGuest, isSessionExpired, register, signIn, signOut, user } from './session';

type Dialog = { kind: 'account' } | { kind: 'guest' } | { kind: 'sign-out' } | { kind: 'delete'; summary: Summary };

export const openDialog = signal<Dialog | null>(null);

export function Dialogs() {
  const dialog = openDialog.value;
  const close = () => {
    openDialog.value = null;
    isSessionExpired.value = false;
  };
  if (isSessionExpired.value || dialog?.kind === 'account') return <AccountDialog close={close} />;
  switch (dialog?.kind) {
    case 'guest':
      return <Guest close={close} />;
    case 'sign-out':
      return (
        <Confirm title="Sign out?" button="Sign out" act={signOut} close={close}>
          {user.value?.isAnonymous
            ? 'You are a guest. If you sign out, these conversations are lost. Register first to keep them.'
            : 'Your conversations stay in your account.'}
        </Confirm>
      );
    case 'delete': {
      const { id, title } = dialog.summary;
      return (
        <Confirm title="Delete this conversation?" button="Delete" act={() => deleteConversation(id)} close={close}>
          “{title}” will be deleted permanently.
        </Confirm>
      );
    }
    default:
      return null;
  }
}

/** Signs in as a guest without a question. */
function Guest({ close }: { close: () => void }) {
  useEffect(() => {
    close();
    continueAsGuest().catch((error: Error) => notify(error.message));
  }, []);
  return null;
}

function Modal({ title, close, children }: { title: string; close: () => void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  /** The browser reports the end of a dialog late, when another one may be open. */
  const isClosed = useRef(false);
  useLayoutEffect(() => {
    const element = dialog.current;
    // A modal dialog keeps the focus inside and restores it.
    element?.showModal();
    return () => {
      isClosed.current = true;
      element?.close();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        // Escape: close it through the state of the page.
        event.preventDefault();
        close();
      }}
      onClose={() => {
        if (!isClosed.current) close();
      }}
    >
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  button: string;
  act: () => Promise<void>;
  close: () => void;
  children: ComponentChildren;
}

function Confirm({ title, button, act, close, children }: ConfirmProps) {
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
          Cancel
        </button>
      </p>
    </Modal>
  );
}

function AccountDialog({ close }: { close: () => void }) {
  const isNew = useSignal(false);
  const isBusy = useSignal(false);
  const error = useSignal<string | null>(null);
  const expired = isSessionExpired.value;

  const attempt = async (action: () => Promise<string | null>) => {
    isBusy.value = true;
    error.value = null;
    try {
      error.value = await action();
      if (error.value === null) close();
    } catch (thrown) {
      error.value = (thrown as Error).message;
    }
    isBusy.value = false;
  };
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const [email, password] = [String(form.get('email')), String(form.get('password'))];
    void attempt(async () => {
      if (!isNew.value) await signIn(email, password);
      else if (!(await register(email, password))) {
        isNew.value = false;
        return 'We sent you an email. Open the link in it, then sign in.';
      }
      return null;
    });
  };

  return (
    <Modal title={expired ? 'Your session has ended' : isNew.value ? 'Register' : 'Sign in'} close={close}>
      {expired && <p>Your text is kept. Sign in again, or continue as a new guest.</p>}
      {!expired && user.value?.isAnonymous && (
        <p>
          {isNew.value
            ? 'Your conversations will be moved to the new account.'
            : 'Your conversations as a guest will not be moved to an existing account.'}
        </p>
      )}
      <form onSubmit={onSubmit}>
        <label>
          Email
          <input name="email" type="email" autocomplete="email" required />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            autocomplete={isNew.value ? 'new-password' : 'current-password'}
            minLength={isNew.value ? 8 : undefined}
            maxLength={128}
            aria-describedby={isNew.value ? 'password-hint' : undefined}
            required
          />
        </label>
        {isNew.value && (
          <p id="password-hint" class="hint">
            At least 8 characters; not a common password.
          </p>
        )}
        {error.value && (
          <p class="form-error" role="alert">
            {error.value}
          </p>
        )}
        <p class="buttons">
          <button type="submit" class="strong" disabled={isBusy.value}>
            {isNew.value ? 'Register' : 'Sign in'}
          </button>
          {(expired || !user.value) && (
            <button
              type="button"
              disabled={isBusy.value}
              onClick={() =>
                attempt(async () => {
                  await continueAsGuest();
                  return null;
                })
              }
            >
              Continue as guest
            </button>
          )}
          <button type="button" class="quiet" onClick={close}>
            Cancel
          </button>
        </p>
      </form>
      <p class="other-way">
        {isNew.value ? 'Already have an account? ' : 'No account yet? '}
        <button
          type="button"
          class="link"
          onClick={() => {
            isNew.value = !isNew.value;
            error.value = null;
          }}
        >
          {isNew.value ? 'Sign in' : 'Register'}
        </button>
      </p>
    </Modal>
  );
}
