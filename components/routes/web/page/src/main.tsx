// The chat page.

import { effect, useSignal } from '@preact/signals';
import { render } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { dismiss, notice, notify, spoken } from './announce';
import { Composer, edit, field } from './composer';
import { Conversation } from './conversation';
import { asking, Dialogs } from './dialogs';
import { Header } from './header';
import { Close } from './icons';
import { recognise, user } from './session';
import { Sidebar } from './sidebar';
import { hearTabs } from './tabs';
import { begin, open, refresh, startOver } from './threads';

function Page() {
  const isListOpen = useSignal(false);
  /** Where the focus goes when the list has closed: what it covers cannot have it before. */
  const afterwards = useRef<() => void>(() => undefined);
  const close = (then = focusOpener) => {
    afterwards.current = then;
    if (isListOpen.value) isListOpen.value = false;
    else if (then !== focusOpener) then();
  };
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      // A dialog takes its own.
      if (event.key !== 'Escape' || asking.value || document.querySelector('dialog[open]')) return;
      if (isListOpen.value) close();
      else void open.value.stop();
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, []);
  useEffect(() => {
    if (isListOpen.value) document.querySelector<HTMLElement>('aside .icon-button')?.focus();
    else afterwards.current();
  }, [isListOpen.value]);

  return (
    <>
      <a class="skip" href="#message" onClick={skip}>
        Skip to the message field
      </a>
      <div class={isListOpen.value ? 'page list-open' : 'page'}>
        <aside aria-label="Conversations and account">
          <Sidebar close={close} />
        </aside>
        <div class="veil" onClick={() => close()} />
        <main inert={isListOpen.value}>
          <Header isListOpen={isListOpen.value} openList={() => (isListOpen.value = true)} />
          <Conversation />
          <Composer />
        </main>
      </div>
      <Dialogs />
      <Notice />
      <p class="unseen" role="status" aria-live="polite">
        {spoken}
      </p>
    </>
  );
}

function focusOpener(): void {
  document.querySelector<HTMLElement>('header .icon-button')?.focus();
}

function skip(event: Event): void {
  // The address's fragment names the conversation.
  event.preventDefault();
  field.current?.focus();
}

function Notice() {
  if (!notice.value) return <div role="status" />;
  return (
    <div class="notice" role="status">
      <span>{notice.value}</span>
      <button type="button" class="icon-button" aria-label="Dismiss" onClick={dismiss}>
        <Close />
      </button>
    </div>
  );
}

/** Whoever signs in or out leaves nothing of others on the screen. */
function watchUser(): void {
  let before = user.value?.id;
  effect(() => {
    const id = user.value?.id;
    if (id === before) return;
    const unsent = open.peek().problem.peek()?.again;
    const text = typeof unsent === 'object' ? open.peek().withdraw(unsent) : '';
    // A first message makes its sender a guest, and goes on.
    const isFirst = !before && open.peek().isBusy;
    before = id;
    if (isFirst) void refresh();
    else startOver();
    if (text) edit(text);
  });
}

async function start(): Promise<void> {
  try {
    await recognise();
  } catch (failure) {
    // A message that is sent asks again.
    notify((failure as Error).message);
  }
  watchUser();
  await begin();
}

hearTabs((news) => {
  if (news === 'session') recognise().catch(() => undefined);
});
const root = document.getElementById('root');
if (root) render(<Page />, root);
void start();
