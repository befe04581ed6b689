// The chat page.

import { effect, useSignal } from '@preact/signals';
import { render } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { addressedConversation } from './address';
import { notify } from './announce';
import { Composer } from './composer';
import { ConversationView } from './conversation-view';
import { open, openFromAddress, refreshList, reset } from './conversations';
import { openDialog } from './dialog-state';
import { Dialogs } from './dialogs';
import { followOpen } from './follow';
import { Header } from './header';
import { Menu } from './icons';
import { Notices, openModals } from './notice';
import { place, teamTitle } from './place';
import { openResetFromAddress } from './reset-password';
import { loadSession, user } from './session';
import { Sidebar } from './sidebar';
import { onTabMessage } from './tabs';
import { TeamView } from './team-loader';
import { fileHandlers } from './upload-views';
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
        <main
          id="main"
          tabIndex={-1}
          inert={isListOpen.value}
          {...(place.value.view === 'chat' && fileHandlers(open.value.uploads))}
        >
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
      <Notices isShown={openModals.value === 0} />
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
    // The first message or file signs its sender in as a guest, and is still being sent.
    const { isBusy, uploads } = open.peek();
    const isFirst = !before && (isBusy || uploads.items.peek().length > 0);
    // Who signs out leaves nothing. What was typed before signing in stays, and what could not be sent because
    // the session had ended.
    const draft = before ? '' : open.peek().draft.peek();
    const named = before ? null : addressedConversation();
    before = id;
    if (isFirst) void refreshList();
    else if (id) reset([open.peek().takeUnsent(), draft].filter(Boolean).join('\n\n'), named);
    else reset('', null);
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

// The browser would open a file that is dropped beside the conversation, in the place of the page.
for (const type of ['dragover', 'drop'] as const) {
  addEventListener(type, (event) => {
    if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
  });
}
onTabMessage((message) => {
  if (message === 'session') loadSession().catch(() => undefined);
});
void start();
