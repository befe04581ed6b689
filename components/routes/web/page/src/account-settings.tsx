// Settings of the account: confirmation, password, sessions, sign-in methods, deletion.

import { useSignal } from '@preact/signals';
import { notify } from './announce';
import { ApiError, requestJson } from './api';
import { openDialog } from './dialog-state';
import { Field, valueOf } from './modal';
import { forgetUser, leaveTo, PROVIDER_NAMES, type SignInOptions, user } from './session';
import { notifyTabs } from './tabs';
import { formatDate, t } from './texts';
import { useLoaded } from './use-loaded';

interface Session {
  id: string;
  token: string;
  createdAt: string;
  ipAddress: string | null;
  userAgent: string | null;
}

interface SignInMethod {
  id: string;
  providerId: string;
}

function attempt(action: () => Promise<unknown>, done?: string): void {
  action().then(
    () => done && notify(done),
    (error: Error) => notify(error.message),
  );
}

async function endSession(): Promise<void> {
  await forgetUser();
  notifyTabs('session');
}

export function AccountSettings({ close }: { close: () => void }) {
  const current = user.value;
  if (!current) return null;
  if (current.isAnonymous) {
    return (
      <>
        <p>{t.isGuest}</p>
        <p class="buttons">
          <button type="button" class="strong" onClick={() => (openDialog.value = { kind: 'account' })}>
            {t.signInOrRegister}
          </button>
        </p>
        <DeleteAccount close={close} withPassword={false} />
      </>
    );
  }
  const verify = () =>
    requestJson('POST', '/api/auth/send-verification-email', { body: { email: current.email, callbackURL: '/' } });
  return (
    <>
      <p>{t.signedInAs(current.email)}</p>
      {!current.emailVerified && (
        <p>
          {t.notVerified}{' '}
          <button type="button" class="link" onClick={() => attempt(verify, t.emailSent)}>
            {t.verify}
          </button>
        </p>
      )}
      <ChangePassword />
      <Sessions close={close} />
      <SignInMethods />
      <DeleteAccount close={close} withPassword />
    </>
  );
}

function ChangePassword() {
  const error = useSignal<Error | null>(null);
  /** The error of the current password; all others are about the new one. */
  const isOfCurrent = error.value instanceof ApiError && error.value.code === 'INVALID_PASSWORD';
  const message = error.value?.message ?? null;
  const submit = async (form: HTMLFormElement) => {
    const body = {
      currentPassword: valueOf(form, 'current'),
      newPassword: valueOf(form, 'new'),
      revokeOtherSessions: valueOf(form, 'others') === 'on',
    };
    try {
      await requestJson('POST', '/api/auth/change-password', { body });
      error.value = null;
      form.reset();
      notify(t.changed);
    } catch (thrown) {
      error.value = thrown as Error;
    }
  };
  return (
    <section aria-labelledby="change-password">
      <h3 id="change-password">{t.changePassword}</h3>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(event.currentTarget);
        }}
      >
        <Field
          label={t.currentPassword}
          name="current"
          type="password"
          autocomplete="current-password"
          error={isOfCurrent ? message : null}
          required
        />
        <Field
          label={t.newPassword}
          name="new"
          type="password"
          autocomplete="new-password"
          minLength={8}
          maxLength={128}
          hint={t.passwordHint}
          error={isOfCurrent ? null : message}
          required
        />
        <label class="check">
          <input type="checkbox" name="others" defaultChecked /> {t.signOutOthers}
        </label>
        <p class="buttons">
          <button type="submit">{t.changePassword}</button>
        </p>
      </form>
    </section>
  );
}

function Sessions({ close }: { close: () => void }) {
  const { value: sessions, reload } = useLoaded<Session[]>('/api/auth/list-sessions');
  const { value: current } = useLoaded<{ session: Session } | null>('/api/auth/get-session');
  const revoke = async (token: string) => {
    await requestJson('POST', '/api/auth/revoke-session', { body: { token } });
    await reload();
  };
  const revokeAll = async () => {
    await requestJson('POST', '/api/auth/revoke-sessions', { body: {} });
    close();
    await endSession();
  };
  return (
    <section aria-labelledby="sessions">
      <h3 id="sessions">{t.sessions}</h3>
      <ul class="rows">
        {sessions?.map((session) => (
          <li key={session.id}>
            <span>
              {session.userAgent ?? t.unknownDevice}
              <span class="faint">
                {' '}
                {session.ipAddress} {t.since(formatDate(Date.parse(session.createdAt)))}
              </span>
            </span>
            {session.id === current?.session.id ? (
              <span class="faint">{t.thisSession}</span>
            ) : (
              <button type="button" class="quiet" onClick={() => attempt(() => revoke(session.token))}>
                {t.signOut}
              </button>
            )}
          </li>
        ))}
      </ul>
      <p class="buttons">
        <button type="button" onClick={() => attempt(revokeAll)}>
          {t.signOutAll}
        </button>
      </p>
    </section>
  );
}

function SignInMethods() {
  const { value: methods, reload } = useLoaded<SignInMethod[]>('/api/auth/list-accounts');
  const unlink = async (providerId: string) => {
    await requestJson('POST', '/api/auth/unlink-account', { body: { providerId } });
    await reload();
  };
  const { value: options } = useLoaded<SignInOptions>('/api/auth/sign-in-options');
  const names: Record<string, string> = { credential: t.password, ...PROVIDER_NAMES };
  const unlinked = options?.providers.filter((name) => methods?.every(({ providerId }) => providerId !== name)) ?? [];
  return (
    <section aria-labelledby="methods">
      <h3 id="methods">{t.linked}</h3>
      <ul class="rows">
        {methods?.map(({ id, providerId }) => (
          <li key={id}>
            <span>{names[providerId] ?? providerId}</span>
            {methods.length > 1 && (
              <button
                type="button"
                class="quiet"
                onClick={() => attempt(() => unlink(providerId))}
              >
                {t.unlink(names[providerId] ?? providerId)}
              </button>
            )}
          </li>
        ))}
      </ul>
      {unlinked.length > 0 && (
        <p class="buttons">
          {unlinked.map((provider) => (
            <button key={provider} type="button" onClick={() => attempt(() => leaveTo('/api/auth/link-social', provider))}>
              {t.link(PROVIDER_NAMES[provider])}
            </button>
          ))}
        </p>
      )}
    </section>
  );
}

function DeleteAccount({ close, withPassword }: { close: () => void; withPassword: boolean }) {
  const error = useSignal<string | null>(null);
  const submit = async (form: HTMLFormElement) => {
    const body = withPassword ? { password: valueOf(form, 'password') } : {};
    try {
      await requestJson('POST', '/api/auth/delete-user', { body });
      close();
      await endSession();
    } catch (thrown) {
      error.value = (thrown as Error).message;
    }
  };
  return (
    <section aria-labelledby="delete-account">
      <h3 id="delete-account">{t.deleteAccount}</h3>
      <p>{t.deleteAccountHint}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(event.currentTarget);
        }}
      >
        {withPassword ? (
          <Field
            label={t.currentPassword}
            name="password"
            type="password"
            autocomplete="current-password"
            error={error.value}
            required
          />
        ) : (
          error.value && (
            <p class="form-error" role="alert">
              {error.value}
            </p>
          )
        )}
        <p class="buttons">
          <button type="submit">{t.deleteAccount}</button>
        </p>
      </form>
    </section>
  );
}
