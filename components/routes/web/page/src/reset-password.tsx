// The form for a new password, to which the link in the email leads.

import { useSignal } from '@preact/signals';
import { notify } from './announce';
import { requestJson } from './api';
import { openDialog } from './dialog-state';
import { Field, Modal, valueOf } from './modal';
import { t } from './texts';

export const RESET_PATH = '/new-password';

/** Opens the form if the address is that of the email's link, and takes the token out of the address. */
export function openResetFromAddress(): void {
  const query = new URLSearchParams(location.search);
  const [token, error] = [query.get('token'), query.get('error')];
  if (location.pathname !== RESET_PATH) return;
  history.replaceState(null, '', '/');
  if (token) openDialog.value = { kind: 'reset-password', token };
  else if (error) notify(t.badLink);
}

export function ResetPassword({ token, close }: { token: string; close: () => void }) {
  const error = useSignal<string | null>(null);
  const isBusy = useSignal(false);
  const submit = async (newPassword: string) => {
    isBusy.value = true;
    try {
      await requestJson('POST', '/api/auth/reset-password', { body: { token, newPassword } });
      notify(t.passwordChanged);
      openDialog.value = { kind: 'account' };
    } catch (thrown) {
      error.value = (thrown as Error).message;
    }
    isBusy.value = false;
  };
  return (
    <Modal title={t.choosePassword} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(valueOf(event.currentTarget, 'password'));
        }}
      >
        <Field
          label={t.newPassword}
          name="password"
          type="password"
          autocomplete="new-password"
          minLength={8}
          maxLength={128}
          hint={t.passwordHint}
          error={error.value}
          required
        />
        <p class="buttons">
          <button type="submit" class="strong" disabled={isBusy.value}>
            {t.save}
          </button>
          <button type="button" class="quiet" onClick={close}>
            {t.cancel}
          </button>
        </p>
      </form>
    </Modal>
  );
}
