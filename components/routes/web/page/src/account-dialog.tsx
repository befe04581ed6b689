// Signing in, registering, and asking for a new password.

import { useSignal } from '@preact/signals';
import { ApiError } from './api';
import { Field, Modal, valueOf } from './modal';
import {
  continueAsGuest,
  isSessionExpired,
  leaveTo,
  PROVIDER_NAMES,
  register,
  requestReset,
  type SignInOptions,
  signIn,
  user,
} from './session';
import { t } from './texts';
import { useLoaded } from './use-loaded';

type Mode = 'sign-in' | 'register' | 'forgot';

/** Errors by field; `form` for those that belong to none. */
type Errors = { email?: string; password?: string; form?: string };

/** The field to which an error of the server belongs. */
function errorsOf(thrown: unknown): Errors {
  const { message } = thrown as Error;
  const code = thrown instanceof ApiError ? thrown.code : '';
  if (/PASSWORD/.test(code) && !/EMAIL/.test(code)) return { password: message };
  if (/^INVALID_EMAIL$|ALREADY_EXISTS|USER_ALREADY/.test(code)) return { email: message };
  return { form: message };
}

export function AccountDialog({ close }: { close: () => void }) {
  const mode = useSignal<Mode>('sign-in');
  const isBusy = useSignal(false);
  const errors = useSignal<Errors>({});
  const info = useSignal<string | null>(null);
  const expired = isSessionExpired.value;
  const { value: options } = useLoaded<SignInOptions>('/api/auth/sign-in-options');

  const change = (next: Mode) => {
    mode.value = next;
    errors.value = {};
    info.value = null;
  };
  /** `action` returns a text to show, or null to close the dialog. */
  const attempt = async (action: () => Promise<string | null>) => {
    isBusy.value = true;
    errors.value = {};
    info.value = null;
    try {
      info.value = await action();
      if (info.value === null) close();
    } catch (thrown) {
      errors.value = errorsOf(thrown);
    }
    isBusy.value = false;
  };
  const submit = async (email: string, password: string): Promise<string | null> => {
    if (mode.value === 'forgot') {
      await requestReset(email);
      return t.resetSent;
    }
    if (mode.value === 'sign-in') {
      await signIn(email, password);
      return null;
    }
    if (await register(email, password)) return null;
    mode.value = 'sign-in';
    return t.confirmEmail;
  };
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    void attempt(() => submit(valueOf(form, 'email'), valueOf(form, 'password')));
  };

  const isNew = mode.value === 'register';
  const isForgot = mode.value === 'forgot';
  const label = isNew ? t.register : isForgot ? t.sendEmail : t.signIn;
  const title = isForgot ? t.forgot : expired ? t.expired : label;
  return (
    <Modal title={title} close={close}>
      {isForgot && <p>{t.forgotHint}</p>}
      {expired && !isForgot && <p>{t.expiredHint}</p>}
      {!expired && !isForgot && user.value?.isAnonymous && <p>{isNew ? t.move : t.noMove}</p>}
      <form onSubmit={onSubmit}>
        <Field label={t.email} name="email" type="email" autocomplete="email" error={errors.value.email ?? null} required />
        {!isForgot && (
          <Field
            key={mode.value}
            label={t.password}
            name="password"
            type="password"
            autocomplete={isNew ? 'new-password' : 'current-password'}
            minLength={isNew ? 8 : undefined}
            maxLength={128}
            hint={isNew ? t.passwordHint : undefined}
            error={errors.value.password ?? null}
            required
          />
        )}
        {errors.value.form && (
          <p class="form-error" role="alert">
            {errors.value.form}
          </p>
        )}
        {info.value && <p role="status">{info.value}</p>}
        <p class="buttons">
          <button type="submit" class="strong" disabled={isBusy.value}>
            {label}
          </button>
          {(expired || !user.value) && !isForgot && (
            <button
              type="button"
              disabled={isBusy.value}
              onClick={() => attempt(() => continueAsGuest().then(() => null))}
            >
              {t.continueAsGuest}
            </button>
          )}
          <button type="button" class="quiet" onClick={close}>
            {t.cancel}
          </button>
        </p>
      </form>
      {!isForgot && options && options.providers.length > 0 && (
        <p class="buttons">
          {options.providers.map((provider) => (
            <button
              key={provider}
              type="button"
              disabled={isBusy.value}
              onClick={() => attempt(() => leaveTo('/api/auth/sign-in/social', provider).then(() => null))}
            >
              {t.signInWith(PROVIDER_NAMES[provider])}
            </button>
          ))}
        </p>
      )}
      <p class="other-way">
        {isNew ? t.haveAccount : t.haveNone}{' '}
        <button type="button" class="link" onClick={() => change(isNew || isForgot ? 'sign-in' : 'register')}>
          {isNew || isForgot ? t.signIn : t.register}
        </button>
      </p>
      {mode.value === 'sign-in' && options?.sendsEmail && (
        <p class="other-way">
          <button type="button" class="link" onClick={() => change('forgot')}>
            {t.forgot}
          </button>
        </p>
      )}
    </Modal>
  );
}
