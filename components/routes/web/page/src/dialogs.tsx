// Questions that are asked in front of the page.

import { signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { notify } from './announce';
import type { Summary } from './api';
import { field } from './composer';
import { becomeGuest, hasExpired, register, signIn, signOut, user } from './session';
import { remove } from './threads';

type Question = { kind: 'account' } | { kind: 'guest' } | { kind: 'sign-out' } | { kind: 'delete'; summary: Summary };

export const asking = signal<Question | null>(null);

export function Dialogs() {
  const question = asking.value;
  const close = () => {
    asking.value = null;
    hasExpired.value = false;
  };
  if (hasExpired.value || question?.kind === 'account') return <AccountDialog close={close} />;
  switch (question?.kind) {
    case 'guest':
      return <Guest close={close} />;
    case 'sign-out':
      return (
        <Confirm title="Sign out?" button="Sign out" act={signOut} close={close}>
          {user.value?.isAnonymous
            ? 'You are a guest: nobody can come back to a guest’s conversations. Register first if you want to keep them.'
            : 'Your conversations stay with your account.'}
        </Confirm>
      );
    case 'delete': {
      const { id, title } = question.summary;
      return (
        <Confirm title="Forget this conversation?" button="Forget it" act={() => remove(id)} close={close}>
          “{title}” will be erased for good.
        </Confirm>
      );
    }
    default:
      return null;
  }
}

/** Becomes a guest, without asking anything. */
function Guest({ close }: { close: () => void }) {
  useEffect(() => {
    close();
    becomeGuest().catch((failure: Error) => notify(failure.message));
  }, []);
  return null;
}

function Modal({ title, close, children }: { title: string; close: () => void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  /** The browser tells of the end of a dialog late: by then there may be another one. */
  const isOver = useRef(false);
  useLayoutEffect(() => {
    const element = dialog.current;
    // The browser keeps the focus inside, and gives it back.
    element?.showModal();
    return () => {
      isOver.current = true;
      element?.close();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        // Escape: the page is told at once, and closes it.
        event.preventDefault();
        close();
      }}
      onClose={() => {
        if (!isOver.current) close();
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
    } catch (failure) {
      notify((failure as Error).message);
    }
    close();
    // What asked may be gone with what was deleted.
    requestAnimationFrame(() => {
      if (document.activeElement === document.body) field.current?.focus();
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
  const problem = useSignal<string | null>(null);
  const expired = hasExpired.value;

  const attempt = async (action: () => Promise<string | null>) => {
    isBusy.value = true;
    problem.value = null;
    try {
      problem.value = await action();
      if (problem.value === null) close();
    } catch (failure) {
      problem.value = (failure as Error).message;
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
        return 'A letter is on its way to you. Confirm the address with it, then sign in here.';
      }
      return null;
    });
  };

  return (
    <Modal title={expired ? 'Your session has ended' : isNew.value ? 'Register' : 'Sign in'} close={close}>
      {expired && <p>What you have typed is kept. Sign in again, or go on as a new guest.</p>}
      {!expired && user.value?.isAnonymous && (
        <p>
          {isNew.value
            ? 'Your conversations come along to the new account.'
            : 'A guest’s conversations do not come along to an account that exists already.'}
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
            At least 8 characters that nobody guesses.
          </p>
        )}
        {problem.value && (
          <p class="problem" role="alert">
            {problem.value}
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
                  await becomeGuest();
                  return null;
                })
              }
            >
              Go on as a guest
            </button>
          )}
          <button type="button" class="quiet" onClick={close}>
            Cancel
          </button>
        </p>
      </form>
      <p class="other-way">
        {isNew.value ? 'You have an account? ' : 'You have no account? '}
        <button
          type="button"
          class="link"
          onClick={() => {
            isNew.value = !isNew.value;
            problem.value = null;
          }}
        >
          {isNew.value ? 'Sign in' : 'Register'}
        </button>
      </p>
    </Modal>
  );
}
