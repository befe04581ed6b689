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
import { clearUnsent, loadUnsent } from './unsent';

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
/** The conversations that this tab is deleting. */
const deleting = new Set<string>();

/** Opens the conversation of the address, and sends the message that was being sent when the page was left. */
export async function openFromAddress(): Promise<void> {
  const unsent = loadUnsent();
  await refreshList();
  const named = addressedConversation();
  if (unsent && (!unsent.conversationId || unsent.conversationId === named)) {
    const conversation = conversationOf(unsent.conversationId);
    show(conversation, false);
    await conversation.load(true);
    void conversation.resend(unsent);
  } else if (place.value.view === 'chat' && named && user.value) {
    const isListed = summaries.value.some((summary) => summary.id === named);
    // The conversation that was open last may have been deleted.
    if (location.pathname === '/' && !isListed) return;
    show(conversationOf(named), false);
    await open.value.load();
  }
}

function conversationOf(id: string | null): Conversation {
  const known = id ? loaded.get(id) : undefined;
  if (known) return known;
  const created = new Conversation(id, events);
  if (id) loaded.set(id, created);
  return created;
}

function show(conversation: Conversation, isNewEntry: boolean): void {
  open.value = conversation;
  showAddress(conversation.id.value, isNewEntry);
}

export function openNew(): void {
  show(new Conversation(null, events), true);
}

export function openConversation(id: string): void {
  const conversation = conversationOf(id);
  show(conversation, true);
  void conversation.load();
}

function onChange(conversation: Conversation): void {
  const id = conversation.id.value;
  if (id) loaded.set(id, conversation);
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
  const title = conversation.title.value;
  show(new Conversation(null, events), place.value.view === 'chat');
  if (reason === 'evicted') {
    onEvicted([{ id, title }]);
    return;
  }
  notify(t.deletedElsewhere(title));
  void refreshList();
}

/** Removes everything of the previous user from the page, except `text`, which is put into the message field. */
export function reset(text: string): void {
  loaded.clear();
  clearUnsent();
  clearDrafts();
  show(new Conversation(null, events), false);
  open.value.setDraft(text);
  void refreshList();
}

/** Loads what may have changed in another tab or on another device. */
export async function sync(): Promise<void> {
  await refreshList();
  const conversation = open.value;
  const listed = summaries.value.find((summary) => summary.id === conversation.id.value);
  if (listed && listed.updatedAt !== conversation.updatedAt && !conversation.isBusy) await conversation.load();
  const isGone = conversation.id.value && conversation.messages.value.length > 0 && !listed && !conversation.isBusy;
  if (isGone && isListComplete && user.value && maxConversations.value !== null) {
    notify(t.deletedElsewhere(conversation.title.value));
    show(new Conversation(null, events), place.value.view === 'chat');
  }
}

onTabMessage((message) => {
  if (message === 'conversations') void sync();
});
addEventListener('popstate', () => {
  followAddress();
  if (place.value.view !== 'chat') return;
  const named = addressedConversation();
  const conversation = named ? conversationOf(named) : new Conversation(null, events);
  open.value = conversation;
  void conversation.load();
});
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible' && user.value) void sync();
});
