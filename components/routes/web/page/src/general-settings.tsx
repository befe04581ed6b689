// Settings: theme, language, and how models reply.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { notify } from './announce';
import { requestJson } from './api';
import { ModelOptions } from './header';
import { Field, valueOf } from './modal';
import {
  defaultModel,
  isSignedIn,
  models,
  setDefaultModel,
  setSystemPrompt,
  setTemperature,
  systemPrompt,
  temperature,
  user,
} from './session';
import { type Language, LANGUAGES, language, setLanguage, t } from './texts';
import { setTheme, type Theme, themeChoice } from './theme';

export function GeneralSettings() {
  return (
    <>
      <label>
        {t.theme}
        <select
          value={themeChoice.value ?? 'system'}
          onChange={({ currentTarget: { value } }) =>
            setTheme(value === 'system' ? null : (value as Theme), isSignedIn.value)
          }
        >
          {(['system', 'light', 'dark'] as const).map((name) => (
            <option key={name} value={name}>
              {t.themes[name]}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t.language}
        <select value={language} onChange={({ currentTarget: { value } }) => setLanguage(value as Language)}>
          {Object.entries(LANGUAGES).map(([tag, name]) => (
            <option key={tag} value={tag} lang={tag}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {isSignedIn.value && !user.value?.isAnonymous && <PresenceSetting />}
      {isSignedIn.value && <ReplySettings />}
    </>
  );
}

const PRESENCES = ['online', 'away', 'hidden'] as const;

type PresenceChoice = (typeof PRESENCES)[number];

/** Whether members of the same channels see that the user is here. */
function PresenceSetting() {
  const chosen = useSignal<PresenceChoice | null>(null);
  const path = `/api/users/${user.value?.id}`;
  useEffect(() => {
    type Own = { presence: PresenceChoice };
    requestJson<Own>('GET', path).then(
      ({ presence }) => (chosen.value = presence),
      () => undefined,
    );
  }, [path]);
  if (chosen.value === null) return null;
  const choose = async (presence: PresenceChoice) => {
    const before = chosen.value;
    chosen.value = presence;
    try {
      await requestJson('PATCH', path, { body: { presence } });
    } catch (thrown) {
      chosen.value = before;
      notify((thrown as Error).message);
    }
  };
  return (
    <label>
      {t.presence}
      <select
        value={chosen.value}
        onChange={({ currentTarget: { value } }) => void choose(value as PresenceChoice)}
      >
        {PRESENCES.map((name) => (
          <option key={name} value={name}>
            {t.presences[name]}
          </option>
        ))}
      </select>
    </label>
  );
}

function ReplySettings() {
  const available = models.value.filter((model) => model.available);
  const save = async (form: HTMLFormElement) => {
    const degrees = valueOf(form, 'temperature');
    setTemperature(degrees === '' ? null : Number(degrees));
    try {
      await setSystemPrompt(valueOf(form, 'system'));
      notify(t.saved);
    } catch (thrown) {
      notify((thrown as Error).message);
    }
  };
  return (
    <>
      <label>
        {t.defaultModel}
        <select
          value={defaultModel.value ?? ''}
          onChange={({ currentTarget: { value } }) => setDefaultModel(value)}
        >
          <ModelOptions list={available} />
        </select>
      </label>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save(event.currentTarget);
        }}
      >
        <label>
          {t.systemPrompt}
          <textarea name="system" dir="auto" rows={4} maxLength={10_000} defaultValue={systemPrompt.value} />
        </label>
        <Field
          label={t.temperature}
          name="temperature"
          type="number"
          min={0}
          max={2}
          step="0.1"
          hint={t.temperatureHint}
          defaultValue={temperature.value === null ? '' : String(temperature.value)}
        />
        <p class="buttons">
          <button type="submit" class="strong">
            {t.save}
          </button>
        </p>
      </form>
    </>
  );
}
