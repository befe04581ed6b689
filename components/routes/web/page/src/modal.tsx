// Parts of dialogs.

import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Notices, openModals } from './notice';
import { t } from './texts';

interface ModalProps {
  title: string;
  close: () => void;
  isWide?: boolean;
  children: ComponentChildren;
}

export function Modal({ title, close, isWide, children }: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  /** The browser reports the end of a dialog late, when another one may be open. */
  const isClosed = useRef(false);
  useLayoutEffect(() => {
    const element = dialog.current;
    // A modal dialog keeps the focus inside and restores it.
    element?.showModal();
    openModals.value += 1;
    return () => {
      isClosed.current = true;
      openModals.value -= 1;
      element?.close();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={isWide ? 'wide' : undefined}
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
      <Notices isShown />
    </dialog>
  );
}

interface FieldProps {
  label: string;
  name: string;
  type?: 'email' | 'number' | 'password' | 'text';
  autocomplete?: string;
  hint?: string | undefined;
  /** The error of this field. */
  error?: string | null;
  defaultValue?: string;
  required?: boolean;
  min?: number;
  minLength?: number | undefined;
  maxLength?: number;
  step?: string;
  max?: number;
}

/** A field with its label, a hint and its error. */
export function Field({ label, hint, error, required, ...input }: FieldProps) {
  const id = useId();
  const [isShown, show] = useState(false);
  const isPassword = input.type === 'password';
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  return (
    <div class="form-field">
      <label for={id}>{label}</label>
      <span class="input-row">
        <input
          {...(input as object)}
          id={id}
          dir="auto"
          type={(isPassword && isShown ? 'text' : (input.type ?? 'text')) as 'text'}
          required={required ?? false}
          aria-invalid={error ? true : undefined}
          aria-describedby={described || undefined}
        />
        {isPassword && (
          <button type="button" class="quiet" aria-pressed={isShown} onClick={() => show(!isShown)}>
            {t.showPassword}
          </button>
        )}
      </span>
      {hint && (
        <p id={`${id}-hint`} class="hint">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} class="form-error" role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

/** The text of a field of a form. */
export function valueOf(form: HTMLFormElement, name: string): string {
  return String(new FormData(form).get(name) ?? '');
}
