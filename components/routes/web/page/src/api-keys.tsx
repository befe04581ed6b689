// API keys: create one, which is shown once, and revoke one.

import { useSignal } from '@preact/signals';
import { notify } from './announce';
import { requestJson } from './api';
import { CopyButton } from './copy';
import { Field, valueOf } from './modal';
import { formatDate, t } from './texts';
import { useLoaded } from './use-loaded';

const SCOPES = ['read', 'chat', 'write', 'admin'] as const;
type Scope = (typeof SCOPES)[number];

interface ApiKey {
  id: string;
  name: string;
  active: boolean;
  createdAt: number;
  prefix: string;
  scopes: Scope[];
}

export function ApiKeys() {
  const { value: keys, reload } = useLoaded<ApiKey[]>('/api-keys/list');
  const created = useSignal<string | null>(null);
  const error = useSignal<string | null>(null);
  const create = async (form: HTMLFormElement) => {
    const limit = (name: string) => (valueOf(form, name) === '' ? null : Number(valueOf(form, name)));
    const body = {
      name: valueOf(form, 'name'),
      scopes: new FormData(form).getAll('scope'),
      chatPerMinute: limit('chatPerMinute'),
      requestBudget: limit('requestBudget'),
      tokenBudget: limit('tokenBudget'),
    };
    try {
      const { key } = await requestJson<{ key: string }>('POST', '/api-keys/create', { body });
      created.value = key;
      error.value = null;
      form.reset();
      await reload();
    } catch (thrown) {
      error.value = (thrown as Error).message;
    }
  };
  const revoke = async (id: string) => {
    try {
      await requestJson('POST', `/api-keys/revoke/${id}`);
      await reload();
    } catch (thrown) {
      notify((thrown as Error).message);
    }
  };
  return (
    <>
      {created.value && (
        <div class="created-key" role="status">
          <p>{t.keyOnce}</p>
          <p class="command">
            <code>{created.value}</code>
            <CopyButton text={created.value} what="key" />
          </p>
        </div>
      )}
      {keys?.length === 0 && <p class="faint">{t.noKeys}</p>}
      <ul class="rows">
        {keys?.map((key) => (
          <li key={key.id}>
            <span dir="auto">
              {key.name} <code>{key.prefix}…</code>
              <span class="faint">
                {' '}
                {key.scopes.map((scope) => t.scopeNames[scope]).join(', ')}, {formatDate(key.createdAt)}
              </span>
            </span>
            {key.active ? (
              <button type="button" class="quiet" onClick={() => revoke(key.id)}>
                {t.revoke(key.name)}
              </button>
            ) : (
              <span class="faint">{t.revoked}</span>
            )}
          </li>
        ))}
      </ul>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void create(event.currentTarget);
        }}
      >
        <Field label={t.keyName} name="name" maxLength={100} error={error.value} required />
        <fieldset>
          <legend>{t.scopes}</legend>
          {SCOPES.map((scope) => (
            <label key={scope} class="check">
              <input type="checkbox" name="scope" value={scope} defaultChecked={scope !== 'admin'} />{' '}
              {t.scopeNames[scope]}
            </label>
          ))}
        </fieldset>
        <Field label={t.perMinute} name="chatPerMinute" type="number" min={1} hint={t.unlimited} />
        <Field label={t.requestBudget} name="requestBudget" type="number" min={1} />
        <Field label={t.tokenBudget} name="tokenBudget" type="number" min={1} />
        <p class="buttons">
          <button type="submit" class="strong">
            {t.createKey}
          </button>
        </p>
      </form>
    </>
  );
}
