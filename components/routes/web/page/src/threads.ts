// All conversations: the list, the one that is open, and which of them goldfish lets go of.

import { computed, signal } from '@preact/signals';
import { notify } from './announce';
import { askJson, Failure, type History, type Summary } from './api';
import { mind, user } from './session';
import { hearTabs, tellTabs } from './tabs';
import { forgetUnsent, leftUnsent, Thread } from './thread';

export const summaries = signal<Summary[]>([]);
/** How many there can be; null until somebody is signed in. */
export const capacity = signal<number | null>(null);
export const open = signal(new Thread(null, changed));

/** The one that a new conversation would replace; none while there is room. */
export const next = computed<Summary | null>(() => {
  const full = capacity.value !== null && summaries.value.length >= capacity.value;
  return full ? (summaries.value.at(-1) ?? null) : null;
});

const threads = new Map<string, Thread>();

/** Opens what the address names, and sends what was on its way when the page was left. */
export async function begin(): Promise<void> {
  const unsent = leftUnsent();
  await refresh();
  const named = location.hash.slice(1);
  if (unsent && (!unsent.conversationId || unsent.conversationId === named)) {
    const thread = threadOf(unsent.conversationId);
    show(thread);
    await thread.load(true);
    void thread.resend(unsent);
  } else if (named && user.value) {
    show(threadOf(named));
    await open.value.load();
  }
}

function threadOf(id: string | null): Thread {
  const known = id ? threads.get(id) : undefined;
  if (known) return known;
  const made = new Thread(id, changed);
  if (id) threads.set(id, made);
  return made;
}

function show(thread: Thread): void {
  open.value = thread;
  const hash = thread.id.value ? `#${thread.id.value}` : '';
  if (location.hash !== hash) history.replaceState(null, '', `${location.pathname}${hash}`);
}

export function openNew(): void {
  show(new Thread(null, changed));
}

export function openOne(id: string): void {
  const thread = threadOf(id);
  show(thread);
  void thread.load();
}

/** A conversation has come to be, or has another message. */
function changed(thread: Thread): void {
  const id = thread.id.value;
  if (id) threads.set(id, thread);
  if (thread === open.value) show(thread);
  tellTabs('conversations');
  void refresh();
}

/** Reads the list, and says what has been forgotten to make room. */
export async function refresh(): Promise<void> {
  if (!user.value) {
    summaries.value = [];
    capacity.value = null;
    return;
  }
  try {
    const history = await askJson<History>('GET', '/api/history');
    const before = summaries.value;
    capacity.value = history.maxConversations;
    summaries.value = history.conversations;
    const here = new Set(history.conversations.map((summary) => summary.id));
    const isNew = history.conversations.some((summary) => !before.some((one) => one.id === summary.id));
    const gone = before.filter((summary) => !here.has(summary.id));
    for (const summary of gone) threads.delete(summary.id);
    const forgotten = gone[0];
    if (isNew && forgotten) notify(`“${forgotten.title}” is forgotten.`);
  } catch (failure) {
    if (failure instanceof Failure) mind(failure);
  }
}

export async function rename(id: string, title: string): Promise<void> {
  await askJson('PATCH', `/api/conversations/${id}`, { body: { title } });
  const thread = threads.get(id);
  if (thread) thread.title.value = title;
  tellTabs('conversations');
  await refresh();
}

export async function remove(id: string): Promise<void> {
  try {
    await askJson('DELETE', `/api/conversations/${id}`);
  } catch (failure) {
    // Another tab was faster.
    if (!(failure instanceof Failure) || failure.status !== 404) throw failure;
  }
  threads.delete(id);
  if (open.value.id.value === id) openNew();
  tellTabs('conversations');
  await refresh();
}

/** Somebody else is here: nothing of what is on the screen is theirs. */
export function startOver(): void {
  threads.clear();
  forgetUnsent();
  openNew();
  void refresh();
}

/** Something may have happened elsewhere. */
export async function catchUp(): Promise<void> {
  await refresh();
  const thread = open.value;
  const listed = summaries.value.find((summary) => summary.id === thread.id.value);
  if (listed && listed.updatedAt !== thread.updatedAt && !thread.isBusy) await thread.load();
  if (thread.id.value && !listed && !thread.isBusy && user.value && capacity.value !== null) {
    notify(`“${thread.title.value}” is gone.`);
    openNew();
  }
}

hearTabs((news) => {
  if (news === 'conversations') void catchUp();
});
addEventListener('hashchange', () => {
  const named = location.hash.slice(1);
  if (named && named !== open.value.id.value) openOne(named);
});
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible' && user.value) void catchUp();
});
