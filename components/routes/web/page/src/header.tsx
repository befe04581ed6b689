// The header of the conversation: its title, the model and the menu.

import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import { notify } from './announce';
import type { Model } from './api';
import { open, pinConversation, summaries } from './conversations';
import { exportJson, exportMarkdown } from './export';
import { Dots } from './icons';
import { DropdownMenu } from './menu';
import { defaultModel, ensureUser, models, setDefaultModel, user } from './session';
import { t } from './texts';

/** The value of the entry that shows the models that are not available. */
const MORE = '…';

export function Header({ openList }: { openList: ComponentChildren }) {
  const title = open.value.title.value;
  return (
    <header>
      {openList}
      <h2 class={title ? undefined : 'faint'} dir="auto">
        {title || t.newConversation}
      </h2>
      <ModelPicker />
      <ConversationMenu />
    </header>
  );
}

function ModelPicker() {
  const showsAll = useSignal(false);
  const select = useRef<HTMLSelectElement>(null);
  const conversation = open.value;
  const list = models.value;
  if (user.value === undefined) return null;
  if (list.length === 0) return <FirstModel />;
  const chosen = conversation.model.value ?? defaultModel.value ?? '';
  const shown = list.filter((model) => model.available || showsAll.value || model.id === chosen);
  const choose = (id: string) => {
    if (id === MORE) {
      showsAll.value = true;
      if (select.current) select.current.value = chosen;
      return;
    }
    conversation.model.value = id;
    setDefaultModel(id);
  };
  return (
    <div class="model">
      <select ref={select} aria-label={t.model} value={chosen} onChange={(event) => choose(event.currentTarget.value)}>
        {!list.some((model) => model.id === chosen) && <option value={chosen}>{chosen || t.chooseModel}</option>}
        <ModelOptions list={shown} />
        {shown.length < list.length && <option value={MORE}>{t.moreModels}</option>}
      </select>
    </div>
  );
}

/** Models by provider; those that are available come first. */
export function ModelOptions({ list }: { list: Model[] }) {
  const providers = [...new Set(list.map((model) => model.provider))];
  const isAvailable = (provider: string) => list.some((model) => model.provider === provider && model.available);
  providers.sort((one, other) => Number(isAvailable(other)) - Number(isAvailable(one)));
  return (
    <>
      {providers.map((provider) => (
        <optgroup key={provider} label={provider}>
          {list
            .filter((model) => model.provider === provider)
            .map(({ id, name, available }) => (
              <option key={id} value={id} disabled={!available}>
                {available ? name : t.notAvailable(name)}
              </option>
            ))}
        </optgroup>
      ))}
    </>
  );
}

/** The server lists its models to users only: the button makes its user a guest. */
function FirstModel() {
  const isBusy = useSignal(false);
  const choose = async () => {
    isBusy.value = true;
    try {
      await ensureUser();
      requestAnimationFrame(() => document.querySelector<HTMLElement>('.model select')?.focus());
    } catch (thrown) {
      notify((thrown as Error).message);
    }
    isBusy.value = false;
  };
  return (
    <button type="button" class="quiet" disabled={isBusy.value} onClick={choose}>
      {t.chooseModel}
    </button>
  );
}

function ConversationMenu() {
  const conversation = open.value;
  const id = conversation.id.value;
  const isPinned = summaries.value.some((summary) => summary.id === id && summary.pinned);
  if (!id || conversation.messages.value.length === 0) return null;
  return (
    <DropdownMenu
      label={t.menu}
      icon={<Dots />}
      items={[
        [isPinned ? t.unpin : t.pin, () => pinConversation(id, !isPinned)],
        [t.exportMarkdown, () => exportMarkdown(conversation)],
        [t.exportJson, () => exportJson(conversation)],
        [t.print, () => print()],
      ]}
    />
  );
}
