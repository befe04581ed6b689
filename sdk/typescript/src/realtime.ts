import { createParser, type EventSourceMessage } from 'eventsource-parser';

import { ConversationConnection, type ConversationOptions } from './conversation-socket.js';
import type { AnyRealtimeEvent, RealtimeEvent, RealtimeEvents } from './realtime-events.js';
import type { Transport } from './transport.js';

export * from './conversation-socket.js';
export type * from './realtime-events.js';

/** What is followed. */
export type Followed = { threadId: string } | { channelId: string } | 'feed';

export interface RealtimeOptions {
  /** The class of WebSockets; by default the global one. `null`: server-sent events alone. */
  WebSocket?: typeof WebSocket | null | undefined;
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

/** How long server-sent events stand in for a WebSocket that could not be opened before it is tried again. */
const SOCKET_RETRY = 300_000;

/**
 * One connection for everything that is followed: a WebSocket, or server-sent events where none can be opened. It
 * connects again by itself, resumes by number, and gives each event once and in its order. Over server-sent events
 * typing, presence and parts of replies are neither sent nor received, and at most 16 threads and channels are
 * followed.
 */
export class RealtimeConnection {
  readonly #transport: Transport;
  readonly #options: RealtimeOptions;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #listeners = new Map<string, Set<(event: never) => void>>();
  /** The users whose presence is asked for. */
  readonly #watched = new Set<string>();
  #socket: WebSocket | undefined;
  /** Ends the server-sent events that stand in for a WebSocket. */
  #stream: AbortController | undefined;
  /** Server-sent events are used until then. */
  #streamUntil = 0;
  /** What the numbers of events belong to. */
  #epoch: string | undefined;
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
    this.#restartStream();
  }

  unfollow(followed: Followed): void {
    this.#subscriptions.delete(keyOf(followed));
    const type = followed === 'feed' ? 'LEAVE_FEED' : 'threadId' in followed ? 'LEAVE_THREAD' : 'LEAVE_CHANNEL';
    this.#send({ type, ...(followed === 'feed' ? {} : followed) });
    this.#restartStream();
  }

  /** Says that the user is typing, or has stopped. */
  typing(threadId: string, state: 'start' | 'stop' = 'start'): void {
    this.#send({ type: 'TYPING', threadId, state });
  }

  /** Sets one's own presence; `hidden` shows as offline. */
  presence(state: 'online' | 'away' | 'hidden'): void {
    this.#send({ type: 'PRESENCE', state });
  }

  /** Asks for the presence of users, now and when it changes; at most 100. */
  watchPresence(userIds: string[]): void {
    for (const id of userIds) this.#watched.add(id);
    this.#send({ type: 'WATCH_PRESENCE', userIds });
  }

  unwatchPresence(userIds: string[]): void {
    for (const id of userIds) this.#watched.delete(id);
    this.#send({ type: 'UNWATCH_PRESENCE', userIds });
  }

  /** Closes the connection for good. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#idle);
    this.#socket?.close(1000);
    this.#stream?.abort();
  }

  async #connect(): Promise<void> {
    const Socket = this.#options.WebSocket === undefined ? globalThis.WebSocket : this.#options.WebSocket;
    if (!Socket || Date.now() < this.#streamUntil) {
      await this.#readStream();
      return;
    }
    try {
      const { ticket, webSocket } = await this.#transport.json('post', '/api/websocket/ticket', { body: {} });
      if (this.#closed) return;
      if (!webSocket) {
        this.#streamUntil = Date.now() + SOCKET_RETRY;
        await this.#readStream();
        return;
      }
      const socket = new Socket(this.#transport.socketUrl('/ws'), ['goldfish', ticket]);
      this.#socket = socket;
      let wasOpen = false;
      socket.onopen = () => {
        wasOpen = true;
        for (const subscription of this.#subscriptions.values()) this.#join(subscription);
        if (this.#watched.size > 0) this.#send({ type: 'WATCH_PRESENCE', userIds: [...this.#watched] });
        this.#heard();
      };
      socket.onmessage = (message) => {
        this.#attempts = 0;
        this.#heard();
        this.#receive(JSON.parse(String(message.data)));
      };
      const end = () => {
        // The server has no proxy for WebSockets, or something on the way refuses them.
        if (!wasOpen) this.#streamUntil = Date.now() + SOCKET_RETRY;
        this.#reconnect(socket);
      };
      socket.onclose = end;
      // Node.js 20 does not close a socket that was refused.
      socket.onerror = () => {
        if (!wasOpen) end();
      };
    } catch {
      this.#reconnect(this.#socket);
    }
  }

  /** Reads server-sent events until they end, and goes on with the next ones. */
  async #readStream(): Promise<void> {
    const controller = new AbortController();
    this.#stream = controller;
    const { signal } = controller;
    try {
      // The order of the positions in a cursor.
      const all = [...this.#subscriptions.values()];
      const threads = all.flatMap(({ followed }) => (followed !== 'feed' && 'threadId' in followed ? [followed.threadId] : []));
      const channels = all.flatMap(({ followed }) => (followed !== 'feed' && 'channelId' in followed ? [followed.channelId] : []));
      const keys = ['feed', ...threads.map((id) => `thread ${id}`), ...channels.map((id) => `channel ${id}`)];
      const positions = keys.map((key) => this.#subscriptions.get(key)?.position ?? 'x');
      const since = this.#epoch === undefined ? undefined : `${this.#epoch}-${positions.join('.')}`;
      const query = { threads: threads.join(','), channels: channels.join(','), since };
      const response = await this.#transport.send('get', '/api/events', { query, signal });
      const parser = createParser({ onEvent: (message) => this.#receiveMessage(message, keys) });
      const decoder = new TextDecoder();
      const reader = response.body?.getReader();
      for (;;) {
        const part = await reader?.read();
        if (!part || part.done) break;
        this.#attempts = 0;
        parser.feed(decoder.decode(part.value, { stream: true }));
      }
    } catch {
      // As the end of a stream.
    }
    if (this.#stream === controller) this.#reconnect(undefined);
  }

  /** Follows what is to be followed now. */
  #restartStream(): void {
    const stream = this.#stream;
    if (!stream) return;
    this.#stream = undefined;
    stream.abort();
    // Once for all changes that are made together.
    queueMicrotask(() => {
      if (!this.#closed && !this.#stream && !this.#socket) void this.#connect();
    });
  }

  /** A server-sent event. Its id has the position in each thing that is followed. */
  #receiveMessage({ event, data, id }: EventSourceMessage, keys: string[]): void {
    const message = JSON.parse(data);
    if (event === undefined) this.#receiveEvent(message);
    else if (event === 'reset') this.#emit(message);
    else if (event === 'left') {
      this.#subscriptions.delete(keyOf(followedOf(message.payload)));
      this.#emit(message);
    }
    const [epoch, numbers] = id?.split('-') ?? [];
    if (numbers === undefined) return;
    this.#epoch = epoch;
    let isBehind = false;
    numbers.split('.').forEach((number, index) => {
      const subscription = this.#subscriptions.get(keys[index] ?? '');
      if (!subscription || number === 'x') return;
      if (event === 'ready' && (subscription.position ?? Infinity) < Number(number)) isBehind = true;
      else subscription.position = Number(number);
    });
    // The first stream begins now, since the epoch was not known: what came before is read with the next one.
    if (isBehind) this.#restartStream();
  }

  /** Connects again after a random time that doubles with each attempt. */
  #reconnect(socket: WebSocket | undefined): void {
    if (this.#closed || socket !== this.#socket) return;
    this.#socket = undefined;
    this.#stream = undefined;
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
      // It was on its way when the thread was left. Without a subscription nothing of a thread is given.
      const isLate = typeof payload.threadId === 'string' && !this.#subscriptions.has(`thread ${payload.threadId}`);
      if (type !== 'PONG' && !type.startsWith('LEFT_') && !isLate) this.#emit(message);
      return;
    }
    this.#receiveEvent(message as unknown as RealtimeEvent);
  }

  #receiveEvent(event: RealtimeEvent): void {
    const key = event.scope === 'feed' ? 'feed' : event.scope === 'thread' ? `thread ${event.threadId}` : `channel ${event.channelId}`;
    const subscription = this.#subscriptions.get(key);
    // It was on its way when the thread or channel was left.
    if (!subscription) return;
    const { position } = subscription;
    if (position !== undefined) {
      // Known already.
      if (event.number <= position) return;
      // One was lost: it comes first, with what follows it.
      if (this.#socket && event.previous > position) {
        this.#join(subscription);
        return;
      }
    }
    subscription.position = event.number;
    this.#epoch = event.id.split('-')[0];
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

  /** Opens a connection for one of the user's own conversations. */
  conversation(id: string, options: ConversationOptions = {}): ConversationConnection {
    return new ConversationConnection(this.#transport, id, options);
  }

  /** Sends data of one's own to all who follow a thread, as `BROADCAST`. It is not stored. */
  async broadcast(threadId: string, data: unknown): Promise<void> {
    await this.#transport.json('post', '/api/websocket', { body: { threadId, data } });
  }

  /** Sends data of one's own to all connections for a conversation, as `broadcast`. It is not stored. */
  async broadcastToConversation(conversationId: string, data: unknown): Promise<void> {
    await this.#transport.json('post', '/api/websocket', { body: { conversationId, data } });
  }

  /** The open connections of the user, and the limits. */
  async connections() {
    return this.#transport.json('get', '/api/websocket/info');
  }
}
