// Above the conversation: its title, and the model that answers.

import { Menu } from './icons';
import { defaultModel, models, preferModel } from './session';
import { open } from './threads';

export function Header({ openList, isListOpen }: { openList: () => void; isListOpen: boolean }) {
  const title = open.value.title.value;
  return (
    <header>
      <button
        type="button"
        class="icon-button only-narrow"
        aria-label="Show the list of conversations"
        aria-expanded={isListOpen}
        onClick={openList}
      >
        <Menu />
      </button>
      <h2 class={title ? undefined : 'faint'}>{title || 'New conversation'}</h2>
      <ModelPicker />
    </header>
  );
}

function ModelPicker() {
  const thread = open.value;
  const list = models.value;
  if (list.length === 0) return null;
  const chosen = thread.model.value ?? defaultModel.value ?? '';
  const providers = [...new Set(list.map((model) => model.provider))];
  const choose = (id: string) => {
    thread.model.value = id;
    preferModel(id);
  };
  return (
    <div class="model">
      <select aria-label="Model" value={chosen} onChange={(event) => choose(event.currentTarget.value)}>
        {!list.some((model) => model.id === chosen) && <option value={chosen}>{chosen || 'Choose a model'}</option>}
        {providers.map((provider) => (
          <optgroup key={provider} label={provider}>
            {list
              .filter((model) => model.provider === provider)
              .map(({ id, name, available }) => (
                <option key={id} value={id} disabled={!available}>
                  {available ? name : `${name} (not available here)`}
                </option>
              ))}
          </optgroup>
        ))}
      </select>
    </div>
  );
}
