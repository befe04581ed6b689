// The settings: general ones, the account, API keys and the usage.

import { useSignal } from '@preact/signals';
import { AccountSettings } from './account-settings';
import { ApiKeys } from './api-keys';
import { GeneralSettings } from './general-settings';
import { Modal } from './modal';
import { user } from './session';
import { t } from './texts';
import { UsageReport } from './usage-report';

export function Settings({ close }: { close: () => void }) {
  const tabs = [
    { name: t.general, content: () => <GeneralSettings /> },
    ...(user.value
      ? [
          { name: t.account, content: () => <AccountSettings close={close} /> },
          { name: t.apiKeys, content: () => <ApiKeys /> },
          { name: t.usage, content: () => <UsageReport /> },
        ]
      : []),
  ];
  const selected = useSignal(0);
  const index = Math.min(selected.value, tabs.length - 1);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    selected.value = (index + step + tabs.length) % tabs.length;
    const list = event.currentTarget as HTMLElement;
    list.querySelectorAll<HTMLElement>('[role=tab]')[selected.value]?.focus();
  };
  return (
    <Modal title={t.settings} close={close} isWide>
      <div class="tabs" role="tablist" aria-label={t.settings} onKeyDown={onKeyDown}>
        {tabs.map(({ name }, number) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${number}`}
            aria-selected={number === index}
            aria-controls="tab-panel"
            tabIndex={number === index ? 0 : -1}
            onClick={() => (selected.value = number)}
          >
            {name}
          </button>
        ))}
      </div>
      <div id="tab-panel" class="tab-panel" role="tabpanel" aria-labelledby={`tab-${index}`} key={index}>
        {tabs[index]?.content()}
      </div>
      <p class="buttons">
        <button type="button" onClick={close}>
          {t.close}
        </button>
      </p>
    </Modal>
  );
}
