// The conversations that are remembered, who is here, and how it looks.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { notify } from './announce';
import type { Summary } from './api';
import { field } from './composer';
import { asking } from './dialogs';
import { Bin, Close, Mark, Moon, Pencil, Plus, Sun } from './icons';
import { inWords } from './numbers';
import { isSignedIn, user } from './session';
import { choose, theme } from './theme';
import { capacity, next, open, openNew, openOne, rename, summaries } from './threads';

/** More empty places than this say nothing. */
const MOST_PLACES = 5;

export function Sidebar({ close }: { close: (then?: () => void) => void }) {
  const go = (action: () => void) => () => {
    action();
    close(() => field.current?.focus());
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
        <Remembered />
        <ul class="conversations">
          {summaries.value.map((summary) => (
            <Item key={summary.id} summary={summary} open={go(() => openOne(summary.id))} />
          ))}
          <FreePlaces />
        </ul>
      </nav>
      <div class="foot">
        <Account />
        <ThemeButton />
      </div>
    </>
  );
}

function Remembered() {
  const most = capacity.value;
  if (most === null) return null;
  const many = summaries.value.length;
  return (
    <p class="remembered">
      {many === 0 ? 'Nothing to remember yet' : `${inWords(many)} of ${inWords(most)} remembered`}
    </p>
  );
}

function FreePlaces() {
  const free = (capacity.value ?? 0) - summaries.value.length;
  if (free <= 0 || free > MOST_PLACES) return null;
  return (
    <>
      {Array.from({ length: free }, (_, index) => (
        <li key={`free-${index}`} class="free" aria-hidden="true" />
      ))}
    </>
  );
}

function Item({ summary, open: openIt }: { summary: Summary; open: () => void }) {
  const isRenaming = useSignal(false);
  const pencil = useRef<HTMLButtonElement>(null);
  const isOpen = open.value.id.value === summary.id;
  const goesNext = next.value?.id === summary.id;
  const stopRenaming = () => {
    isRenaming.value = false;
    // Whoever renamed by keyboard goes on where they were.
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
    <li class={isOpen ? 'here' : undefined}>
      <button type="button" class="title" aria-current={isOpen ? 'page' : undefined} onClick={openIt}>
        <span class="name">{summary.title}</span>
        {goesNext && <span class="goes">goes next</span>}
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
          onClick={() => (asking.value = { kind: 'delete', summary })}
        >
          <Bin />
        </button>
      </span>
    </li>
  );
}

function Rename({ summary, done }: { summary: Summary; done: () => void }) {
  const input = useRef<HTMLInputElement>(null);
  /** Losing the focus saves, and so it would when the field goes away. */
  const isOver = useRef(false);
  useEffect(() => input.current?.select(), []);
  const end = () => {
    isOver.current = true;
    done();
  };
  const save = async () => {
    if (isOver.current) return;
    const title = input.current?.value.trim() ?? '';
    end();
    if (!title || title === summary.title) return;
    try {
      await rename(summary.id, title);
    } catch (failure) {
      notify((failure as Error).message);
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
  const somebody = user.value;
  if (somebody === undefined) return <div class="account" />;
  const name = somebody ? (somebody.isAnonymous ? 'Guest' : somebody.email || somebody.name) : 'Not signed in';
  return (
    <div class="account">
      <span class="who">{name}</span>
      {!somebody && (
        <button type="button" class="quiet" onClick={() => (asking.value = { kind: 'guest' })}>
          Go in as a guest
        </button>
      )}
      {(!somebody || somebody.isAnonymous) && (
        <button type="button" class="quiet" onClick={() => (asking.value = { kind: 'account' })}>
          Sign in or register
        </button>
      )}
      {somebody && (
        <button type="button" class="quiet" onClick={() => (asking.value = { kind: 'sign-out' })}>
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
      onClick={() => choose(other, isSignedIn.value)}
    >
      {other === 'dark' ? <Moon /> : <Sun />}
    </button>
  );
}
