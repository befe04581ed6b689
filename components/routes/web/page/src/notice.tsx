// What the page tells for a while, and what only screen readers read.

import { signal } from '@preact/signals';
import { announcement, dismiss, notice } from './announce';
import { Close } from './icons';
import { t } from './texts';

/** How many dialogs are open. What is behind a dialog can be neither read aloud nor pressed. */
export const openModals = signal(0);

/** The page has one, and each dialog, which shows the notice while it is open. */
export function Notices({ isShown }: { isShown: boolean }) {
  return (
    <>
      <Notice isShown={isShown} />
      <p class="visually-hidden" role="status" aria-live="polite">
        {isShown && announcement.value}
      </p>
    </>
  );
}

function Notice({ isShown }: { isShown: boolean }) {
  if (!notice.value || !isShown) return <div role="status" />;
  const { text, action } = notice.value;
  return (
    <div class="notice" role="status">
      <span>{text}</span>
      {action && (
        <button type="button" class="link" onClick={action.run}>
          {action.label}
        </button>
      )}
      <button type="button" class="icon-button" aria-label={t.dismiss} onClick={dismiss}>
        <Close />
      </button>
    </div>
  );
}
