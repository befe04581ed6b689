// The list of conversations, and the one that is open.

import { computed, signal } from '@preact/signals';
import { notify } from './announce';
import { ApiError, type History, requestJson, type Summary } from './api';
import { clearUnsent, Conversation, loadUnsent } from './conversation';
import { checkSession, user } from './session';
import { notifyTabs, onTabMessage } from './tabs';

export const summaries = signal<Summary[]>([]);
/** How many conversations the user can have; null until a user is signed in. */
export const maxConversations = signal<number | null>(null);
export const open = signal(new Conversation(null, onChange));

/** The conversation that a new one would delete; null while there is room. */
export const nextEvicted = computed<Summary | null>(() => {
  const isFull = maxConversations.value !== null && summaries.value.length >= maxConversations.value;
  return isFull ? (summaries.value.at(-1) ?? null) : null;
});

const loaded = new Map<string, Conversation>();

/** Opens the conversation of the address, and sends the message that was being sent when the page was left. */
export async function openFromAddress(): Promise<void> {
  const unsent = loadUnsent();
  await refreshList();
  const named = location.hash.slice(1);
  if (unsent && (!unsent.conversationId || unsent.conversationId === named)) {
    const conversation = conversationOf(unsent.conversationId);
    show(conversation);
    await conversation.load(true);
    void conversation.resend(unsent);
  } else if (named && user.value) {
    show(conversationOf(named));
    await open.value.load();
  }
}

function conversationOf(id: string | null): Conversation {
  const known = id ? loaded.get(id) : undefined;
  if (known) return known;
  const created = new Conversation(id, onChange);
  if (id) loaded.set(id, created);
  return created;
}

function show(conversation: Conversation): void {
  open.value = conversation;
  const hash = conversation.id.value ? `#${conversation.id.value}` : '';
  if (location.hash !== hash) history.replaceState(null, '', `${location.pathname}${hash}`);
}

export function openNew(): void {
  show(new Conversation(null, onChange));
}

export function openConversation(id: string): void {
  const conversation = conversationOf(id);
  show(conversation);
  void conversation.load();
}

function onChange(conversation: Conversation): void {
  const id = conversation.id.value;
  if (id) loaded.set(id, conversation);
  if (conversation === open.value) show(conversation);
  notifyTabs('conversations');
  void refreshList();
}

/** Loads the list, and tells the user which conversation was deleted to make room. */
export async function refreshList(): Promise<void> {
  if (!user.value) {
    summaries.value = [];
    maxConversations.value = null;
    return;
  }
  try {
    const history = await requestJson<History>('GET', '/api/history');
    const before = summaries.value;
    maxConversations.value = history.maxConversations;
    summaries.value = history.conversations;
    const ids = new Set(history.conversations.map((summary) => summary.id));
    const hasNew = history.conversations.some((summary) => !before.some((one) => one.id === summary.id));
    const deleted = before.filter((summary) => !ids.has(summary.id));
    for (const summary of deleted) loaded.delete(summary.id);
    const evicted = deleted[0];
    if (hasNew && evicted) notify(`“${evicted.title}” was deleted to make room.`);
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

export async function deleteConversation(id: string): Promise<void> {
  try {
    await requestJson('DELETE', `/api/conversations/${id}`);
  } catch (thrown) {
    // Another tab may have deleted it.
    if (!(thrown instanceof ApiError) || thrown.status !== 404) throw thrown;
  }
  loaded.delete(id);
  if (open.value.id.value === id) openNew();
  notifyTabs('conversations');
  await refreshList();
}

/** Removes everything of the previous user from the page. */
export function reset(): void {
  loaded.clear();
  clearUnsent();
  openNew();
  void refreshList();
}

/** Loads what may have changed in another tab or on another device. */
export async function sync(): Promise<void> {
  await refreshList();
  const conversation = open.value;
  const listed = summaries.value.find((summary) => summary.id === conversation.id.value);
  if (listed && listed.updatedAt !== conversation.updatedAt && !conversation.isBusy) await conversation.load();
  if (conversation.id.value && !listed && !conversation.isBusy && user.value && maxConversations.value !== null) {
    notify(`“${conversation.title.value}” was deleted in another window.`);
    openNew();
  }
}

onTabMessage((message) => {
  if (message === 'conversations') void sync();
});
addEventListener('hashchange', () => {
  const named = location.hash.slice(1);
  if (named && named !== open.value.id.value) openConversation(named);
});
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible' && user.value) void sync();
});
