// The chat page.

import { effect, useSignal } from '@preact/signals';
import { render } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { announcement, dismiss, notice, notify } from './announce';
import { Composer } from './composer';
import { ConversationView } from './conversation-view';
import { open, openFromAddress, refreshList, reset } from './conversations';
import { openDialog } from './dialog-state';
import { Dialogs } from './dialogs';
import { followOpen } from './follow';
import { Header } from './header';
import { Close, Menu } from './icons';
import { place, teamTitle } from './place';
import { openResetFromAddress } from './reset-password';
import { isSignedOut, loadSession, user } from './session';
import { Sidebar } from './sidebar';
import { onTabMessage } from './tabs';
import { TeamView } from './team-loader';
import { loadTexts, t } from './texts';
import { watchUnread } from './unread';

function Page() {
  const isListOpen = useSignal(false);
  /** Moves the focus when the list has closed: an element behind it cannot have the focus before. */
  const afterClose = useRef<() => void>(() => undefined);
  const close = (then = focusOpener) => {
    afterClose.current = then;
    if (isListOpen.value) isListOpen.value = false;
    else if (then !== focusOpener) then();
  };
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      // A dialog handles Escape itself.
      if (event.key !== 'Escape' || openDialog.value || document.querySelector('dialog[open]')) return;
      if (isListOpen.value) close();
      else if (place.value.view === 'chat') void open.value.stop();
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, []);
  useEffect(() => {
    if (isListOpen.value) document.querySelector<HTMLElement>('aside .icon-button')?.focus();
    else afterClose.current();
  }, [isListOpen.value]);

  const openList = <ListButton isOpen={isListOpen.value} open={() => (isListOpen.value = true)} />;
  return (
    <>
      <a class="skip" href={place.value.view === 'chat' ? '#message' : '#main'} onClick={skip}>
        {place.value.view === 'chat' ? t.skip : t.skipToMain}
      </a>
      <div class={isListOpen.value ? 'page list-open' : 'page'}>
        <aside aria-label={t.listAndAccount}>
          <Sidebar close={close} />
        </aside>
        <div class="veil" onClick={() => close()} />
        <main id="main" tabIndex={-1} inert={isListOpen.value}>
          {place.value.view === 'chat' ? (
            <>
              <Header openList={openList} />
              <ConversationView />
              <Composer />
            </>
          ) : (
            <TeamView openList={openList} />
          )}
        </main>
      </div>
      <Dialogs />
      <Notice />
      <p class="visually-hidden" role="status" aria-live="polite">
        {announcement}
      </p>
    </>
  );
}

function focusOpener(): void {
  document.querySelector<HTMLElement>('header .icon-button')?.focus();
}

function skip(event: Event): void {
  // The address stays that of the conversation.
  event.preventDefault();
  const field = document.querySelector<HTMLElement>('.composer textarea') ?? document.getElementById('main');
  field?.focus();
}

/** On a narrow screen, shows the list. There the sidebar, with the heading of the page, is hidden. */
function ListButton({ isOpen, open }: { isOpen: boolean; open: () => void }) {
  return (
    <>
      <h1 class="visually-hidden narrow-heading">goldfish</h1>
      <button type="button" class="icon-button only-narrow" aria-label={t.showList} aria-expanded={isOpen} onClick={open}>
        <Menu />
      </button>
    </>
  );
}

function Notice() {
  if (!notice.value) return <div role="status" />;
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

function watchTitle(): void {
  effect(() => {
    const title = place.value.view === 'chat' ? open.value.title.value : teamTitle.value;
    document.title = title ? `${title} – goldfish` : 'goldfish';
  });
}

/** When the user changes, removes what belongs to the previous user. */
function watchUser(): void {
  let before = user.value?.id;
  effect(() => {
    const id = user.value?.id;
    if (id === before) return;
    const unsent = open.peek().problem.peek()?.retry;
    const text = typeof unsent === 'object' ? open.peek().discardUnsent(unsent) : '';
    // The first message or file signs its sender in as a guest, and is still being sent.
    const { isBusy, uploads } = open.peek();
    const isFirst = !before && (isBusy || uploads.items.peek().length > 0);
    before = id;
    if (isFirst) void refreshList();
    else reset(isSignedOut.peek() ? '' : text);
  });
}

async function start(): Promise<void> {
  await loadTexts();
  const root = document.getElementById('root');
  if (root) render(<Page />, root);
  openResetFromAddress();
  try {
    await loadSession();
  } catch (thrown) {
    // Sending a message loads the session again.
    notify((thrown as Error).message);
  }
  watchUser();
  watchTitle();
  watchUnread();
  followOpen();
  await openFromAddress();
}

onTabMessage((message) => {
  if (message === 'session') loadSession().catch(() => undefined);
});
void start();
