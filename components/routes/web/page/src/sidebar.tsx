// The sidebar: the list of conversations with its search, the account and the theme.

import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { addressOf, onPlainClick } from './address';
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
import { openDialog } from './dialog-state';
import { Bin, Close, Gear, Mark, Moon, Pencil, Pin, Plus, Sun } from './icons';
import { addressOfTeam, goTo, place } from './place';
import { Search, searchResult } from './search';
import { continueAsGuest, isSignedIn, user } from './session';
import { TeamSidebar } from './team-loader';
import { formatTime, t } from './texts';
import { setTheme, theme } from './theme';
import { unread } from './unread';

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
        <button type="button" class="icon-button only-narrow" aria-label={t.closeList} onClick={() => close()}>
          <Close />
        </button>
      </div>
      <Views close={close} />
      {place.value.view === 'chat' ? <Conversations go={go} /> : <TeamSidebar close={() => close(() => undefined)} />}
      <div class="foot">
        <Account />
        <SettingsButton />
        <ThemeButton />
      </div>
    </>
  );
}

/** Switches between conversations and channels. */
function Views({ close }: { close: (then?: () => void) => void }) {
  const isChat = place.value.view === 'chat';
  const toChat = addressOf(open.value.id.value);
  const toTeam = addressOfTeam();
  const link = (address: string, isCurrent: boolean, label: ComponentChildren, go: () => void) => (
    <a
      href={address}
      aria-current={isCurrent ? 'true' : undefined}
      onClick={onPlainClick(() => {
        if (!isCurrent) go();
        close(() => undefined);
      })}
    >
      {label}
    </a>
  );
  return (
    <nav class="views" aria-label={t.views}>
      {link(toChat, isChat, t.team.chat, () => goTo(toChat))}
      {link(
        toTeam,
        !isChat,
        <>
          {t.team.channels} {unread.value > 0 && <span class="unread">{t.team.unread(unread.value)}</span>}
        </>,
        () => goTo(toTeam),
      )}
    </nav>
  );
}

function Conversations({ go }: { go: (action: () => void) => () => void }) {
  const found = searchResult.value;
  const shown = summaries.value.filter((summary) => !found || found.has(summary.id));
  return (
    <>
      <a class="new" href={addressOf(null)} onClick={onPlainClick(go(openNew))}>
        <Plus />
        {t.newConversation}
      </a>
      <nav aria-label={t.conversations}>
        <Search />
        <Count />
        <ul class="conversations">
          {shown.map((summary) => (
            <Item key={summary.id} summary={summary} open={go(() => openConversation(summary.id))} />
          ))}
          {!found && <EmptySlots />}
        </ul>
        {found && shown.length === 0 && <p class="count">{t.noMatch}</p>}
      </nav>
    </>
  );
}

function Count() {
  const limit = maxConversations.value;
  if (limit === null) return null;
  const count = summaries.value.length;
  if (count === 0) return <p class="count">{t.none}</p>;
  return <p class="count">{limit === 0 ? t.keptAll(count) : t.kept(count, limit)}</p>;
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
      <a
        class="title"
        href={addressOf(summary.id)}
        aria-current={isOpen ? 'page' : undefined}
        onClick={onPlainClick(openIt)}
      >
        <span class="name" dir="auto">
          {summary.title}
        </span>
        <span class="when">
          <time dateTime={new Date(summary.updatedAt).toISOString()}>{formatTime(summary.updatedAt)}</time>
          {isNextEvicted && <span class="next-evicted">{t.nextEvicted}</span>}
          {summary.pinned && (
            <span class="pinned">
              <Pin />
              {t.pinned}
            </span>
          )}
        </span>
      </a>
      <span class="tools">
        <button
          type="button"
          class="icon-button"
          ref={pencil}
          aria-label={t.rename(summary.title)}
          onClick={() => (isRenaming.value = true)}
        >
          <Pencil />
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label={t.remove(summary.title)}
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
        aria-label={t.newTitle}
        dir="auto"
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
  const name = current ? (current.isAnonymous ? t.guest : current.email || current.name) : t.notSignedIn;
  return (
    <div class="account">
      <span class="user-name">{name}</span>
      {!current && (
        <button type="button" class="quiet" onClick={() => continueAsGuest().catch((error: Error) => notify(error.message))}>
          {t.continueAsGuest}
        </button>
      )}
      {(!current || current.isAnonymous) && (
        <button type="button" class="quiet" onClick={() => (openDialog.value = { kind: 'account' })}>
          {t.signInOrRegister}
        </button>
      )}
      {current && (
        <button type="button" class="quiet" onClick={() => (openDialog.value = { kind: 'sign-out' })}>
          {t.signOut}
        </button>
      )}
    </div>
  );
}

function ThemeButton() {
  const other = theme.value === 'dark' ? 'light' : 'dark';
  const label = `${t.theme}: ${t.themes[other]}`;
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={label}
      title={label}
      onClick={() => setTheme(other, isSignedIn.value)}
    >
      {other === 'dark' ? <Moon /> : <Sun />}
    </button>
  );
}

function SettingsButton() {
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={t.settings}
      title={t.settings}
      onClick={() => (openDialog.value = { kind: 'settings' })}
    >
      <Gear />
    </button>
  );
}
