// The sidebar: the list of conversations, the account and the theme.

import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { notify } from './announce';
import type { Summary } from './api';
import { messageField } from './composer';
import {
  maxConversations,
  nextEvicted,
  open,
  openConversation,
  openNew,
  renameConversation,
  summaries,
} from './conversations';
import { openDialog } from './dialogs';
import { Bin, Close, Mark, Moon, Pencil, Plus, Sun } from './icons';
import { isSignedIn, user } from './session';
import { setTheme, theme } from './theme';

/** Most empty slots that are shown. */
const MAX_EMPTY_SLOTS = 5;

export function Sidebar({ close }: { close: (then?: () => void) => void }) {
  const go = (action: () => void) => () => {
    action();
    close(() => messageField.current?.focus());
  };
  return (
    <>
      <div class="brand">
        <Mark size={34} />
        <h1>goldfish</h1>
        <button type="button" class="icon-button only-narrow" aria-label="Close the list" onClick={() => close()}>
          <Close />
        </button>
      </div>
      <button type="button" class="new" onClick={go(openNew)}>
        <Plus />
        New conversation
      </button>
      <nav aria-label="Conversations">
        <Count />
        <ul class="conversations">
          {summaries.value.map((summary) => (
            <Item key={summary.id} summary={summary} open={go(() => openConversation(summary.id))} />
          ))}
          <EmptySlots />
        </ul>
      </nav>
      <div class="foot">
        <Account />
        <ThemeButton />
      </div>
    </>
  );
}

function Count() {
  const limit = maxConversations.value;
  if (limit === null) return null;
  const count = summaries.value.length;
  return <p class="count">{count === 0 ? 'No conversations yet' : `${count} of ${limit} conversations kept`}</p>;
}

function EmptySlots() {
  const free = (maxConversations.value ?? 0) - summaries.value.length;
  if (free <= 0 || free > MAX_EMPTY_SLOTS) return null;
  return (
    <>
      {Array.from({ length: free }, (_, index) => (
        <li key={`free-${index}`} class="empty-slot" aria-hidden="true" />
      ))}
    </>
  );
}

function Item({ summary, open: openIt }: { summary: Summary; open: () => void }) {
  const isRenaming = useSignal(false);
  const pencil = useRef<HTMLButtonElement>(null);
  const isOpen = open.value.id.value === summary.id;
  const isNextEvicted = nextEvicted.value?.id === summary.id;
  const stopRenaming = () => {
    isRenaming.value = false;
    // Keyboard users get the focus back.
    requestAnimationFrame(() => {
      if (document.activeElement === document.body) pencil.current?.focus();
    });
  };
  if (isRenaming.value) {
    return (
      <li>
        <Rename summary={summary} done={stopRenaming} />
      </li>
    );
  }
  return (
    <li class={isOpen ? 'current' : undefined}>
      <button type="button" class="title" aria-current={isOpen ? 'page' : undefined} onClick={openIt}>
        <span class="name">{summary.title}</span>
        {isNextEvicted && <span class="next-evicted">Will be deleted next</span>}
      </button>
      <span class="tools">
        <button
          type="button"
          class="icon-button"
          ref={pencil}
          aria-label={`Rename ${summary.title}`}
          onClick={() => (isRenaming.value = true)}
        >
          <Pencil />
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label={`Delete ${summary.title}`}
          onClick={() => (openDialog.value = { kind: 'delete', summary })}
        >
          <Bin />
        </button>
      </span>
    </li>
  );
}

function Rename({ summary, done }: { summary: Summary; done: () => void }) {
  const input = useRef<HTMLInputElement>(null);
  /** Removing the field takes its focus, which would save again. */
  const isDone = useRef(false);
  // Before the next key is pressed.
  useLayoutEffect(() => input.current?.select(), []);
  const end = () => {
    isDone.current = true;
    done();
  };
  const save = async () => {
    if (isDone.current) return;
    const title = input.current?.value.trim() ?? '';
    end();
    if (!title || title === summary.title) return;
    try {
      await renameConversation(summary.id, title);
    } catch (thrown) {
      notify((thrown as Error).message);
    }
  };
  return (
    <form
      class="rename"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <input
        ref={input}
        aria-label="New title"
        maxLength={200}
        defaultValue={summary.title}
        onBlur={() => void save()}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return;
          event.stopPropagation();
          end();
        }}
      />
    </form>
  );
}

function Account() {
  const current = user.value;
  if (current === undefined) return <div class="account" />;
  const name = current ? (current.isAnonymous ? 'Guest' : current.email || current.name) : 'Not signed in';
  return (
    <div class="account">
      <span class="user-name">{name}</span>
      {!current && (
        <button type="button" class="quiet" onClick={() => (openDialog.value = { kind: 'guest' })}>
          Continue as guest
        </button>
      )}
      {(!current || current.isAnonymous) && (
        <button type="button" class="quiet" onClick={() => (openDialog.value = { kind: 'account' })}>
          Sign in or register
        </button>
      )}
      {current && (
        <button type="button" class="quiet" onClick={() => (openDialog.value = { kind: 'sign-out' })}>
          Sign out
        </button>
      )}
    </div>
  );
}

function ThemeButton() {
  const other = theme.value === 'dark' ? 'light' : 'dark';
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={`Use the ${other} theme`}
      title={`Use the ${other} theme`}
      onClick={() => setTheme(other, isSignedIn.value)}
    >
      {other === 'dark' ? <Moon /> : <Sun />}
    </button>
  );
}
