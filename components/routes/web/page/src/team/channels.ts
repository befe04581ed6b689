// The channels of the user, and the open channel with its threads.

import { batch, signal } from '@preact/signals';
import type { ApiError } from '../api';
import { addressOfTeam, goTo, place } from '../place';
import { unread } from '../unread';
import { attempt, type Channel, errorOf, goldfish, type JoinedChannel, type Thread } from './client';

/** Threads that are requested at once. */
const PAGE = 50;

/** The user's channels; null until they are loaded. */
export const joined = signal<JoinedChannel[] | null>(null);
/** The open channel; null until it is loaded. */
export const channel = signal<Channel | null>(null);
/** Why the open channel cannot be shown. */
export const problem = signal<ApiError | null>(null);
/** The threads of the open channel, the newest first. */
export const threads = signal<Thread[]>([]);
/** The cursor of the next page of threads. */
export const moreThreads = signal<string | undefined>(undefined);

const shownId = () => (place.peek().view === 'team' ? (place.peek() as { channel: string | null }).channel : null);

export async function loadJoined(): Promise<void> {
  const list: JoinedChannel[] = [];
  for await (const one of goldfish.members.allJoined({ limit: 100 })) list.push(one);
  joined.value = list;
  unread.value = list.reduce((sum, { unreadCount }) => sum + unreadCount, 0);
}

/** Opens a channel: what is shown of another one is removed. */
export async function openChannel(id: string): Promise<void> {
  batch(() => {
    if (channel.value?.id !== id) {
      channel.value = null;
      threads.value = [];
      moreThreads.value = undefined;
    }
    problem.value = null;
  });
  try {
    await loadChannel(id);
  } catch (thrown) {
    if (shownId() === id) problem.value = errorOf(thrown);
  }
}

/** Loads the channel and its newest threads. */
export async function loadChannel(id: string): Promise<void> {
  const [loaded, page] = await Promise.all([goldfish.channels.get(id), goldfish.threads.list(id, { limit: PAGE })]);
  // Another channel may have been opened meanwhile.
  if (shownId() !== id) return;
  const isFirst = threads.value.length <= PAGE;
  const oldest = page.items.at(-1)?.createdAt ?? '';
  const others = page.next === undefined ? [] : threads.value.filter(({ createdAt }) => createdAt < oldest);
  batch(() => {
    channel.value = loaded;
    threads.value = [...page.items, ...others];
    if (isFirst) moreThreads.value = page.next;
  });
}

export async function loadMoreThreads(): Promise<void> {
  const id = shownId();
  const cursor = moreThreads.value;
  if (!id || !cursor) return;
  const page = await goldfish.threads.list(id, { limit: PAGE, cursor });
  if (shownId() !== id) return;
  const known = new Set(threads.value.map((thread) => thread.id));
  threads.value = [...threads.value, ...page.items.filter((thread) => !known.has(thread.id))];
  moreThreads.value = page.next;
}

/** Shows a changed thread in the list. */
export function putThread(changed: Thread): void {
  threads.value = threads.value.map((thread) => (thread.id === changed.id ? changed : thread));
}

export async function joinChannel(id: string): Promise<void> {
  await attempt(async () => {
    await goldfish.members.join(id);
    await Promise.all([loadJoined(), shownId() === id && openChannel(id)]);
  });
}

export async function leaveChannel(id: string): Promise<void> {
  await goldfish.members.leave(id);
  goTo(addressOfTeam());
  await loadJoined();
}

/** Removes everything of the previous user. */
export function clearTeam(): void {
  batch(() => {
    joined.value = null;
    channel.value = null;
    problem.value = null;
    threads.value = [];
    moreThreads.value = undefined;
  });
}
