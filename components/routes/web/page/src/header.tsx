// The header of the conversation: its title and the model.

import { open } from './conversations';
import { Menu } from './icons';
import { defaultModel, models, setDefaultModel } from './session';

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
  const conversation = open.value;
  const list = models.value;
  if (list.length === 0) return null;
  const chosen = conversation.model.value ?? defaultModel.value ?? '';
  const providers = [...new Set(list.map((model) => model.provider))];
  const choose = (id: string) => {
    conversation.model.value = id;
    setDefaultModel(id);
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
                  {available ? name : `${name} (not available)`}
                </option>
              ))}
          </optgroup>
        ))}
      </select>
    </div>
  );
}
