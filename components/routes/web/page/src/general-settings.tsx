// Settings: theme, language, and how models reply.

import { notify } from './announce';
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
      {isSignedIn.value && <ReplySettings />}
    </>
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
