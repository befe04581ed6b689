// The list of conversations, and the one that is open.

import { computed, signal } from '@preact/signals';
import { addressedConversation, showAddress } from './address';
import { notify } from './announce';
import { ApiError, type History, requestJson, type Summary } from './api';
import { Conversation } from './conversation';
import { clearDrafts } from './drafts';
import type { Evicted } from './events';
import { followAddress, place } from './place';
import { checkSession, user } from './session';
import { notifyTabs, onTabMessage } from './tabs';
import { t } from './texts';
import { clearUnsent, loadUnsent, sendsWhenOnline, setSendsWhenOnline, type UnsentMessage } from './unsent';

/** Milliseconds for which an eviction can be undone; the default of `eviction_undo_seconds`. */
const UNDO_TIME = 30_000;
const events = { onChange, onEvicted };

export const summaries = signal<Summary[]>([]);
/** How many conversations the user can have; null until a user is signed in. */
export const maxConversations = signal<number | null>(null);
export const open = signal(new Conversation(null, events));

const nextEvictedId = signal<string | null>(null);
/** The conversation that a new one would delete; null while there is room. */
export const nextEvicted = computed<Summary | null>(
  () => summaries.value.find((summary) => summary.id === nextEvictedId.value) ?? null,
);

const loaded = new Map<string, Conversation>();
/** New conversations that were left before their first message was stored. */
const leftUnsent = new Set<Conversation>();
/** The conversations that this tab is deleting. */
const deleting = new Set<string>();

/** All conversations that may have messages to send. */
export function openedConversations(): Conversation[] {
  return [...new Set([open.value, ...loaded.values(), ...leftUnsent])];
}

/** Opens the conversation of the address, and sends the messages that were not sent when the page was left. */
export async function openFromAddress(): Promise<void> {
  await refreshList();
  const named = addressedConversation();
  const current = sendUnsent(named);
  if (current) {
    show(current, false);
  } else if (place.value.view === 'chat' && named && user.value) {
    const isListed = summaries.value.some((summary) => summary.id === named);
    // The conversation that was open last may have been deleted.
    if (location.pathname === '/' && !isListed) return;
    show(conversationOf(named), false);
    await open.value.load();
  }
}

/** Sends all messages that were not confirmed. Returns the conversation that the address names, if it has some. */
function sendUnsent(named: string | null): Conversation | undefined {
  const groups = new Map<string, UnsentMessage[]>();
  for (const message of loadUnsent()) {
    const key = message.conversationId ?? message.group;
    groups.set(key, [...(groups.get(key) ?? []), message]);
  }
  let current: Conversation | undefined;
  for (const messages of groups.values()) {
    const id = messages[0]?.conversationId ?? null;
    const conversation = conversationOf(id);
    if (id === null) leftUnsent.add(conversation);
    if (id === named) current ??= conversation;
    void conversation.sendAgain(messages);
  }
  return current;
}

function conversationOf(id: string | null): Conversation {
  const known = id ? loaded.get(id) : undefined;
  if (known) return known;
  const created = new Conversation(id, events);
  if (id) loaded.set(id, created);
  return created;
}

function show(conversation: Conversation, isNewEntry: boolean): void {
  const left = open.peek();
  if (left.id.value === null && (left.isBusy || left.unsent)) leftUnsent.add(left);
  open.value = conversation;
  showAddress(conversation.id.value, isNewEntry);
}

export function openNew(): void {
  show(newConversation(), true);
}

/** A new conversation, or the one whose first message could not be sent: it is in no list. */
function newConversation(): Conversation {
  const unsent = [open.peek(), ...leftUnsent].find((one) => one.id.value === null && one.unsent);
  const isQueued = unsent?.problem.value?.error.code === 'UNREACHABLE' && sendsWhenOnline.value;
  return unsent && !isQueued ? unsent : new Conversation(null, events);
}

export function openConversation(id: string): void {
  const conversation = conversationOf(id);
  show(conversation, true);
  void conversation.load();
}

function onChange(conversation: Conversation): void {
  const id = conversation.id.value;
  if (id) loaded.set(id, conversation);
  leftUnsent.delete(conversation);
  if (conversation === open.value) show(conversation, false);
  notifyTabs('conversations');
  void refreshList();
}

function onEvicted(evicted: Evicted[]): void {
  for (const { id, title } of evicted) {
    notify(t.evicted(title), { label: t.undo, run: () => void restore(id, title) }, UNDO_TIME);
  }
  void refreshList();
}

async function restore(id: string, title: string): Promise<void> {
  try {
    await requestJson('POST', `/api/conversations/${id}/restore`);
    notify(t.restored(title));
  } catch (thrown) {
    notify((thrown as Error).message);
  }
  notifyTabs('conversations');
  await refreshList();
}

/** Most conversations in the list; older ones are opened by their links. */
const LISTED_MAX = 1000;

/** Whether the list has all conversations. */
let isListComplete = true;

/** Loads the list. */
export async function refreshList(): Promise<void> {
  if (!user.value) {
    summaries.value = [];
    maxConversations.value = null;
    return;
  }
  try {
    const history = await requestJson<History>('GET', '/api/history');
    const listed = history.conversations;
    let cursor = history.nextCursor;
    while (cursor && listed.length < LISTED_MAX) {
      const query = `?cursor=${encodeURIComponent(cursor)}`;
      const more: History = await requestJson<History>('GET', `/api/history${query}`);
      listed.push(...more.conversations);
      cursor = more.nextCursor;
    }
    maxConversations.value = history.maxConversations;
    nextEvictedId.value = history.nextEvicted?.id ?? null;
    summaries.value = listed;
    isListComplete = !cursor;
    const ids = new Set(listed.map((summary) => summary.id));
    if (!isListComplete) return;
    for (const id of loaded.keys()) if (!ids.has(id) && !loaded.get(id)?.isBusy) loaded.delete(id);
  } catch (thrown) {
    if (thrown instanceof ApiError) checkSession(thrown);
  }
}

export async function renameConversation(id: string, title: string): Promise<void> {
  await requestJson('PATCH', `/api/conversations/${id}`, { body: { title } });
  const conversation = loaded.get(id);
  if (conversation) conversation.title.value = title;
  notifyTabs('conversations');
  await refreshList();
}

/** Keeps a conversation from deletion, or no longer does. */
export async function pinConversation(id: string, isPinned: boolean): Promise<void> {
  await requestJson(isPinned ? 'PUT' : 'DELETE', `/api/conversations/${id}/pin`);
  notifyTabs('conversations');
  await refreshList();
}

export async function deleteConversation(id: string): Promise<void> {
  deleting.add(id);
  try {
    await requestJson('DELETE', `/api/conversations/${id}`);
  } catch (thrown) {
    // Another tab may have deleted it.
    if (!(thrown instanceof ApiError) || thrown.status !== 404) throw thrown;
  } finally {
    deleting.delete(id);
  }
  loaded.delete(id);
  if (open.value.id.value === id) show(new Conversation(null, events), place.value.view === 'chat');
  notifyTabs('conversations');
  await refreshList();
}

/** Says that a conversation was deleted elsewhere, or evicted there for another one. */
export function forget(conversation: Conversation, reason: 'deleted' | 'evicted'): void {
  const id = conversation.id.value ?? '';
  // The tab that deletes it says nothing, and one that writes in it learns it by its response.
  if (deleting.has(id) || open.value !== conversation) return;
  conversation.abandon();
  if (conversation.isBusy) return;
  loaded.delete(id);
  if (reason === 'evicted') {
    show(new Conversation(null, events), place.value.view === 'chat');
    onEvicted([{ id, title: conversation.title.value }]);
    return;
  }
  leaveDeleted(conversation);
  void refreshList();
}

/** Leaves a conversation that was deleted elsewhere. Where its text goes is left to the user. */
function leaveDeleted(conversation: Conversation): void {
  const text = [conversation.takeUnsent(), conversation.draft.value].filter(Boolean).join('\n\n');
  const keep = { label: t.keepText, run: () => open.value.setDraft(text) };
  notify(t.deletedElsewhere(conversation.title.value), text ? keep : undefined, UNDO_TIME);
  conversation.setDraft('');
  show(new Conversation(null, events), place.value.view === 'chat');
}

/**
 * Removes everything of the previous user from the page, except `text`, which is put into the message field. Without
 * a text, opens the conversation `named`.
 */
export function reset(text: string, named: string | null): void {
  for (const conversation of openedConversations()) conversation.close();
  loaded.clear();
  leftUnsent.clear();
  clearUnsent();
  setSendsWhenOnline(null);
  clearDrafts();
  show(text ? new Conversation(null, events) : conversationOf(named), false);
  open.value.setDraft(text);
  void open.value.load();
  void refreshList();
}

/** Loads what may have changed in another tab or on another device. */
export async function sync(): Promise<void> {
  await refreshList();
  const conversation = open.value;
  const listed = summaries.value.find((summary) => summary.id === conversation.id.value);
  if (listed && listed.updatedAt !== conversation.updatedAt && !conversation.isBusy) await conversation.load();
  const isGone = conversation.id.value && conversation.messages.value.length > 0 && !listed && !conversation.isBusy;
  if (isGone && isListComplete && user.value && maxConversations.value !== null) leaveDeleted(conversation);
}

onTabMessage((message) => {
  if (message === 'conversations') void sync();
});
addEventListener('popstate', () => {
  followAddress();
  if (place.value.view !== 'chat') return;
  const named = addressedConversation();
  const conversation = named ? conversationOf(named) : newConversation();
  open.value = conversation;
  void conversation.load();
});
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible' && user.value) void sync();
});
