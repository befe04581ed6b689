// Tells the views of the channels when something may have changed: at once by the server's events, and in an interval,
// which finds what was lost and what no event is about. Only while the page is visible.

import { computed, effect, signal } from '@preact/signals';
import { isAwake } from '../awake';
import { isSignedOut, user } from '../session';
import { type AnyRealtimeEvent, type Followed, goldfish, type Presence, type RealtimeConnection } from './client';

/** Milliseconds between two checks of what is shown. */
const INTERVAL = 10_000;
/** The shortest time between two checks in milliseconds, however many events there are. */
const PAUSE = 300;
/** The server passes on no more than that of what a user types. */
const TYPING_INTERVAL = 3000;

interface Watch {
  check: () => Promise<void>;
  /** What is followed; without it there is the interval alone. */
  followed?: Followed | undefined;
  /** Gets the events of what is followed. */
  receive?: ((event: AnyRealtimeEvent) => void) | undefined;
}

interface Watcher extends Watch {
  run: () => void;
}

const watchers = signal<Watcher[]>([]);
/** Users whose presence is shown, by who shows it. */
const presences = new Set<string[]>();

const userId = computed(() => (isSignedOut.value ? undefined : user.value?.id));
const mayConnect = computed(() => isAwake.value && watchers.value.some(({ followed }) => followed));
let connection: RealtimeConnection | null = null;
/** Who is online, of those whose presence is watched. */
export const presenceOf = signal<Record<string, Presence['state']>>({});
let lastTyping = { threadId: '', at: 0 };

effect(() => {
  if (!userId.value || !mayConnect.value) return undefined;
  const opened = goldfish.realtime.connect();
  connection = opened;
  for (const { followed } of watchers.peek()) if (followed) opened.follow(followed);
  for (const userIds of presences) opened.watchPresence(userIds);
  opened.on('*', (event) => {
    if (event.type === 'PRESENCE') {
      const { userId, state } = event.payload;
      presenceOf.value = { ...presenceOf.peek(), [userId]: state };
      return;
    }
    for (const { followed, receive, run } of watchers.peek()) {
      if (!followed || !isAbout(event, followed)) continue;
      receive?.(event);
      if (event.type !== 'TYPING' && event.type !== 'REPLY_DELTA') run();
    }
  });
  return () => {
    connection = null;
    opened.close();
  };
});

function isAbout({ payload }: AnyRealtimeEvent, followed: Followed): boolean {
  // The feed is about any channel.
  if (followed === 'feed') return true;
  const about = payload as { threadId?: string; channelId?: string };
  return 'threadId' in followed ? about.threadId === followed.threadId : about.channelId === followed.channelId;
}

/** Calls `check` now and then, never twice at once, and `receive` with events, until the returned function is called. */
export function whenChanged({ check, followed, receive }: Watch): () => void {
  let isRunning = false;
  let isDue = false;
  const run = async () => {
    isDue = true;
    if (isRunning) return;
    isRunning = true;
    while (isDue && isAwake.peek() && userId.peek()) {
      isDue = false;
      // The next check finds what this one has missed.
      await check().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
    isRunning = false;
  };
  const now = () => void run();
  const timer = setInterval(now, INTERVAL);
  const watcher = { check, followed, receive, run: now };
  watchers.value = [...watchers.peek(), watcher];
  if (followed) connection?.follow(followed);
  // At once when the page is shown again or the network is back.
  let isFirst = true;
  const endEffect = effect(() => {
    if (isAwake.value && !isFirst) now();
    isFirst = false;
  });
  return () => {
    clearInterval(timer);
    endEffect();
    watchers.value = watchers.peek().filter((one) => one !== watcher);
    if (followed) connection?.unfollow(followed);
  };
}

/** Keeps `presenceOf` of these users current, until the returned function is called. */
export function watchPresence(userIds: string[]): () => void {
  presences.add(userIds);
  connection?.watchPresence(userIds);
  return () => {
    presences.delete(userIds);
    connection?.unwatchPresence(userIds);
  };
}

/** Tells the other members that the user is typing in a thread, or has stopped. */
export function tellTyping(threadId: string, state: 'start' | 'stop'): void {
  const isKnown = lastTyping.threadId === threadId && Date.now() - lastTyping.at < TYPING_INTERVAL;
  if (isKnown === (state === 'start')) return;
  lastTyping = state === 'start' ? { threadId, at: Date.now() } : { threadId: '', at: 0 };
  connection?.typing(threadId, state);
}
