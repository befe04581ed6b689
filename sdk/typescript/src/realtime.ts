import type { MessageWithSender } from './team.js';
import type { Transport } from './transport.js';

/** What happened. `number` counts the events of its channel, or of the feed. */
export interface RealtimeEvent<T extends string = string, P = unknown> {
  type: T;
  payload: P;
  id: string;
  number: number;
  /** The number of the event before it in what is followed. */
  previous: number;
  scope: 'thread' | 'channel' | 'feed';
  channelId: string | null;
  threadId: string | null;
  createdAt: string;
}

export interface Typing {
  threadId: string;
  userId: string;
  state: 'start' | 'stop';
  /** Milliseconds after which the user is not typing any more, without another event. */
  expiresIn: number;
}

export interface Presence {
  userId: string;
  state: 'online' | 'away' | 'offline';
  lastSeenAt: string | null;
}

/** Events by their types. */
export interface RealtimeEvents {
  NEW_MESSAGE: RealtimeEvent<'NEW_MESSAGE', MessageWithSender>;
  UPDATE_MESSAGE: RealtimeEvent<'UPDATE_MESSAGE', MessageWithSender>;
  MENTION: RealtimeEvent<'MENTION', MessageWithSender>;
  DELETE_MESSAGE: RealtimeEvent<'DELETE_MESSAGE', { messageId: string; threadId: string; channelId: string; number: number }>;
  REACTION: RealtimeEvent<'REACTION', { messageId: string; threadId: string; userId: string; emoji: string; action: 'added' | 'removed'; reactions: { emoji: string; count: number }[] }>;
  READ: RealtimeEvent<'READ', { threadId: string; channelId: string; userId: string; number: number }>;
  MEMBER_ADDED: RealtimeEvent<'MEMBER_ADDED', { channelId: string; userId: string; role: string }>;
  MEMBER_ROLE: RealtimeEvent<'MEMBER_ROLE', { channelId: string; userId: string; role: string }>;
  MEMBER_REMOVED: RealtimeEvent<'MEMBER_REMOVED', { channelId: string; userId: string; banned?: boolean }>;
  CHANNEL_UPDATED: RealtimeEvent<'CHANNEL_UPDATED', { channelId: string; name: string; isPrivate: boolean }>;
  CHANNEL_DELETED: RealtimeEvent<'CHANNEL_DELETED', { channelId: string }>;
  THREAD_CREATED: RealtimeEvent<'THREAD_CREATED', { channelId: string; threadId: string; name: string }>;
  THREAD_UPDATED: RealtimeEvent<'THREAD_UPDATED', { channelId: string; threadId: string; name: string; isArchived: boolean }>;
  THREAD_DELETED: RealtimeEvent<'THREAD_DELETED', { channelId: string; threadId: string }>;
  TYPING: { type: 'TYPING'; payload: Typing };
  PRESENCE: { type: 'PRESENCE'; payload: Presence };
  /** Events are gone, or too many: load the thread, channel or everything again. */
  RESET: { type: 'RESET'; payload: { threadId?: string; channelId?: string } };
  /** A thread or channel is not followed any more: the user is not a member. */
  LEFT: { type: 'LEFT'; payload: { threadId?: string; channelId?: string } };
  ERROR: { type: 'ERROR'; payload: { message: string; code: string } };
}

export type AnyRealtimeEvent = RealtimeEvents[keyof RealtimeEvents];

/** What is followed. */
export type Followed = { threadId: string } | { channelId: string } | 'feed';

export interface RealtimeOptions {
  /** The class of WebSockets; by default the global one. */
  WebSocket?: typeof WebSocket | undefined;
  /** Longest time between two attempts to connect, in milliseconds; 30,000 by default. */
  maxReconnectWait?: number | undefined;
  /** Milliseconds without any message after which the connection is given up; 60,000 by default. */
  idleTimeout?: number | undefined;
}

/** What messages that are no events say. */
interface Payload {
  threadId?: unknown;
  channelId?: unknown;
  number?: unknown;
  reason?: unknown;
}

/** The last numbers of what is followed. */
interface Heads {
  threads: Record<string, number>;
  channels: Record<string, number>;
}

interface Subscription {
  followed: Followed;
  /** The number up to which everything was seen; `undefined` before the first confirmation. */
  position: number | undefined;
}

/**
 * One WebSocket for everything that is followed. It connects again by itself, resumes by number, and gives each event
 * once and in its order.
 */
export class RealtimeConnection {
  readonly #transport: Transport;
  readonly #options: RealtimeOptions;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #listeners = new Map<string, Set<(event: never) => void>>();
  #socket: WebSocket | undefined;
  #attempts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(transport: Transport, options: RealtimeOptions) {
    this.#transport = transport;
    this.#options = options;
    void this.#connect();
  }

  /** Calls `listener` for events of a type, or of all types for `*`. Returns a function that ends this. */
  on<T extends keyof RealtimeEvents>(type: T, listener: (event: RealtimeEvents[T]) => void): () => void;
  on(type: '*', listener: (event: AnyRealtimeEvent) => void): () => void;
  on(type: string, listener: (event: never) => void): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Follows a thread, a channel or the feed, from now on or after the event with this number. */
  follow(followed: Followed, after?: number): void {
    const key = keyOf(followed);
    const subscription = { followed, position: after };
    this.#subscriptions.set(key, subscription);
    this.#join(subscription);
  }

  unfollow(followed: Followed): void {
    this.#subscriptions.delete(keyOf(followed));
    const type = followed === 'feed' ? 'LEAVE_FEED' : 'threadId' in followed ? 'LEAVE_THREAD' : 'LEAVE_CHANNEL';
    this.#send({ type, ...(followed === 'feed' ? {} : followed) });
  }

  /** Says that the user is typing, or has stopped. */
  typing(threadId: string, state: 'start' | 'stop' = 'start'): void {
    this.#send({ type: 'TYPING', threadId, state });
  }

  /** Sets one's own presence; `hidden` shows as offline. */
  presence(state: 'online' | 'away' | 'hidden'): void {
    this.#send({ type: 'PRESENCE', state });
  }

  /** Asks for the presence of users, now and when it changes. After a reconnection it has to be asked for again. */
  watchPresence(userIds: string[]): void {
    this.#send({ type: 'WATCH_PRESENCE', userIds });
  }

  /** Closes the connection for good. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#idle);
    this.#socket?.close(1000);
  }

  async #connect(): Promise<void> {
    try {
      const { ticket } = await this.#transport.json('post', '/api/websocket/ticket', { body: {} });
      if (this.#closed) return;
      const Socket = this.#options.WebSocket ?? WebSocket;
      const socket = new Socket(this.#transport.socketUrl('/ws'), ['goldfish', ticket]);
      this.#socket = socket;
      socket.onopen = () => {
        for (const subscription of this.#subscriptions.values()) this.#join(subscription);
        this.#heard();
      };
      socket.onmessage = (message) => {
        this.#attempts = 0;
        this.#heard();
        this.#receive(JSON.parse(String(message.data)));
      };
      socket.onclose = () => this.#reconnect(socket);
      // A close follows.
      socket.onerror = () => undefined;
    } catch {
      this.#reconnect(this.#socket);
    }
  }

  /** Connects again after a random time that doubles with each attempt. */
  #reconnect(socket: WebSocket | undefined): void {
    if (this.#closed || socket !== this.#socket) return;
    this.#socket = undefined;
    clearTimeout(this.#idle);
    clearTimeout(this.#timer);
    const longest = Math.min(this.#options.maxReconnectWait ?? 30_000, 500 * 2 ** Math.min(this.#attempts, 10));
    this.#attempts += 1;
    this.#timer = setTimeout(() => void this.#connect(), Math.random() * longest);
  }

  /** The server is heard of at least every 25 s while something is followed. */
  #heard(): void {
    clearTimeout(this.#idle);
    const timeout = this.#options.idleTimeout ?? 60_000;
    this.#idle = setTimeout(() => {
      const socket = this.#socket;
      if (!socket) return;
      this.#send({ type: 'PING' });
      this.#idle = setTimeout(() => {
        socket.close();
        this.#reconnect(socket);
      }, 10_000);
    }, timeout);
  }

  #send(message: object): void {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  #join({ followed, position }: Subscription): void {
    const type = followed === 'feed' ? 'JOIN_FEED' : 'threadId' in followed ? 'JOIN_THREAD' : 'JOIN_CHANNEL';
    const fields = followed === 'feed' ? {} : followed;
    this.#send({ type, ...fields, ...(position === undefined ? {} : { after: position }) });
  }

  #receive(message: { type: string; payload?: Payload; number?: number }): void {
    const { type, payload = {} } = message;
    if (type === 'HEADS') {
      this.#compare(payload as unknown as Heads);
      return;
    }
    if (type.startsWith('JOINED_') || type === 'RESET') {
      const subscription = this.#subscriptions.get(keyOf(followedOf(payload)));
      const number = Number(payload.number);
      if (subscription && (type === 'RESET' || number > (subscription.position ?? -1))) subscription.position = number;
      if (type === 'RESET') this.#emit(message);
      return;
    }
    if (type === 'LEFT_THREAD' || type === 'LEFT_CHANNEL') {
      if (payload.reason !== undefined) {
        this.#subscriptions.delete(keyOf(followedOf(payload)));
        this.#emit({ type: 'LEFT', payload });
      }
      return;
    }
    if (message.number === undefined) {
      if (type !== 'PONG' && !type.startsWith('LEFT_')) this.#emit(message);
      return;
    }
    this.#receiveEvent(message as unknown as RealtimeEvent);
  }

  #receiveEvent(event: RealtimeEvent): void {
    const key = event.scope === 'feed' ? 'feed' : event.scope === 'thread' ? `thread ${event.threadId}` : `channel ${event.channelId}`;
    const subscription = this.#subscriptions.get(key);
    if (!subscription) return;
    const { position } = subscription;
    if (position !== undefined) {
      // Known already.
      if (event.number <= position) return;
      // One was lost: it comes first, with what follows it.
      if (event.previous > position) {
        this.#join(subscription);
        return;
      }
    }
    subscription.position = event.number;
    this.#emit(event);
  }

  /** Asks for what the server has and this connection has not seen. */
  #compare({ threads, channels }: Heads): void {
    const heads: [string, number][] = [];
    for (const [id, number] of Object.entries(threads)) heads.push([`thread ${id}`, number]);
    for (const [id, number] of Object.entries(channels)) heads.push([`channel ${id}`, number]);
    for (const [key, number] of heads) {
      const subscription = this.#subscriptions.get(key);
      if (subscription?.position !== undefined && subscription.position < number) this.#join(subscription);
    }
  }

  #emit(event: { type: string; payload?: unknown }): void {
    for (const type of [event.type, '*']) {
      for (const listener of this.#listeners.get(type) ?? []) (listener as (event: unknown) => void)(event);
    }
  }
}

function keyOf(followed: Followed): string {
  if (followed === 'feed') return 'feed';
  return 'threadId' in followed ? `thread ${followed.threadId}` : `channel ${followed.channelId}`;
}

function followedOf(payload: Payload): Followed {
  if (typeof payload.threadId === 'string') return { threadId: payload.threadId };
  if (typeof payload.channelId === 'string') return { channelId: payload.channelId };
  return 'feed';
}

/** Events as they happen. */
export class Realtime {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Opens one connection for everything that is followed. */
  connect(options: RealtimeOptions = {}): RealtimeConnection {
    return new RealtimeConnection(this.#transport, options);
  }
}
