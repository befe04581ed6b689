import type { components } from './schema.js';
import type { Transport } from './transport.js';

type Schemas = components['schemas'];

/** What a message may have beside its text, as in `chat`. */
export interface MessageOptions {
  /** Names the message: one with the same id is stored and answered once. A random one by default. */
  id?: string | undefined;
  model?: string | undefined;
  system?: string | undefined;
  temperature?: number | undefined;
  maxTokens?: number | undefined;
  reasoningEffort?: Schemas['ChatRequest']['reasoningEffort'];
  responseFormat?: Schemas['ChatRequest']['responseFormat'];
  /** The message of the user of which this is another version. */
  edits?: string | undefined;
}

export interface ConversationSocketMessage {
  id: string;
  role: 'user';
  content: string;
  timestamp: number;
  status: 'complete';
}

/** The events by their type. */
export interface ConversationSocketEvents {
  /** The conversation as it is now: after each connection, and every 25 seconds of silence. */
  conversation: {
    type: 'conversation';
    conversationId: string;
    title: string | null;
    model: string | null;
    /** The reply that is being written, or else the last one. */
    reply: { messageId: string; status: 'streaming' | 'ended' } | null;
  };
  /** A message of the user; `id` is what its sender called it. */
  message: { type: 'message'; message: ConversationSocketMessage; id?: string };
  /** A reply begins. `isVersion`: of an earlier message, or in place of an earlier reply; load the conversation. */
  reply: { type: 'reply'; messageId: string; model: string; isVersion: boolean };
  /** The reply grows. `text` is all of it so far. */
  delta: { type: 'delta'; messageId: string; offset: number; delta: string; text: string };
  /** The model thinks before it replies. `text` is all of it so far. */
  reasoning: { type: 'reasoning'; messageId: string; offset: number; delta: string; text: string };
  usage: { type: 'usage'; messageId: string; promptTokens: number; completionTokens: number; model: string };
  /** The user stopped the reply. `end` follows. */
  stop: { type: 'stop'; messageId: string };
  /** The reply has ended, and all of its text was seen. */
  end: {
    type: 'end';
    messageId: string;
    status: 'complete' | 'stopped' | 'incomplete';
    length: number;
    text: string;
    error?: { code: string; message: string };
  };
  title: { type: 'title'; conversationId: string; title: string };
  /** The user types in another tab. */
  typing: { type: 'typing'; state: 'start' | 'stop'; expiresIn: number };
  /** Data that was sent with `broadcast`. */
  broadcast: { type: 'broadcast'; conversationId: string; data: unknown };
  /** The conversation is gone, and the connection is closed for good. */
  deleted: { type: 'deleted'; conversationId?: string; reason: 'deleted' | 'evicted' };
  /** A message was refused; `id` is the one that it was sent with. */
  error: { type: 'error'; code: string; message: string; about?: string; id?: string };
  /** The connection is closed for good: signed out (4401), the conversation is gone (4404), or no proxy for WebSockets (426). */
  closed: { type: 'closed'; code: number };
}

export type ConversationSocketEvent = ConversationSocketEvents[keyof ConversationSocketEvents];

export interface ConversationOptions {
  /** The class of WebSockets; by default the global one. */
  WebSocket?: typeof WebSocket | undefined;
  /** Longest time between two attempts to connect, in milliseconds; 30,000 by default. */
  maxReconnectWait?: number | undefined;
  /** Milliseconds without any message after which the connection is given up; 60,000 by default. */
  idleTimeout?: number | undefined;
}

/** A reply of which this connection has a part. */
interface PartialReply {
  messageId: string;
  text: string;
  /** What the model thinks. */
  reasoning?: string;
  /** The end, which came before all of the text. */
  end?: ConversationSocketEvents['end'];
}

/** The shortest time between two requests for what is missing. */
const SYNC_INTERVAL = 1_000;
/** Milliseconds until a message without a confirmation is sent again. */
const REPEAT_INTERVAL = 5_000;
/** In place of a close code: the server has no proxy for WebSockets. */
const NO_PROXY = 426;
/** Close codes after which it makes no sense to connect again. */
const FINAL = [4401, 4404];

/**
 * One of the user's own conversations, live: turns that begin here, in another tab or by a request. It connects again by
 * itself, and gives every part of a reply once and in its order.
 */
export class ConversationConnection {
  readonly #transport: Transport;
  readonly #options: ConversationOptions;
  readonly #id: string;
  readonly #listeners = new Map<string, Set<(event: never) => void>>();
  /** Messages that are not known to be stored. */
  readonly #unsent = new Map<string, object>();
  /** The ids of the user's messages that were seen. */
  readonly #messages = new Set<string>();
  #socket: WebSocket | undefined;
  #reply: PartialReply | undefined;
  /** The reply that was seen to its end. */
  #finished: string | undefined;
  #syncedAt = 0;
  #sync: ReturnType<typeof setTimeout> | undefined;
  #repeat: ReturnType<typeof setTimeout> | undefined;
  #attempts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(transport: Transport, id: string, options: ConversationOptions) {
    this.#transport = transport;
    this.#id = id;
    this.#options = options;
    void this.#connect();
  }

  /** Calls `listener` for events of a type, or of all types for `*`. Returns a function that ends this. */
  on<T extends keyof ConversationSocketEvents>(type: T, listener: (event: ConversationSocketEvents[T]) => void): () => void;
  on(type: '*', listener: (event: ConversationSocketEvent) => void): () => void;
  on(type: string, listener: (event: never) => void): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Sends a message, also after a reconnection until it is stored. Returns its id. */
  send(message: string, { id = crypto.randomUUID(), ...options }: MessageOptions = {}): string {
    const sent = { type: 'message', id, message, ...options };
    this.#unsent.set(id, sent);
    this.#write(sent);
    this.#repeatLater();
    return id;
  }

  /** Stops the reply that is being written. */
  stop(): void {
    this.#write({ type: 'stop' });
  }

  /** Tells the user's other tabs that the user types here, or has stopped. */
  typing(state: 'start' | 'stop' = 'start'): void {
    this.#write({ type: 'typing', state });
  }

  /** Closes the connection for good. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#idle);
    clearTimeout(this.#sync);
    clearTimeout(this.#repeat);
    this.#socket?.close(1000);
  }

  async #connect(): Promise<void> {
    const Socket = this.#options.WebSocket ?? globalThis.WebSocket;
    try {
      const { ticket, webSocket } = await this.#transport.json('post', '/api/websocket/ticket', { body: {} });
      if (this.#closed) return;
      if (!webSocket) {
        this.#finish(NO_PROXY);
        return;
      }
      const known = this.#reply;
      const query = known ? `?messageId=${known.messageId}&offset=${known.text.length}` : '';
      const path = `/ws/${encodeURIComponent(this.#id)}${query}`;
      const socket = new Socket(this.#transport.socketUrl(path), ['goldfish', ticket]);
      this.#socket = socket;
      let wasOpen = false;
      socket.onopen = () => {
        wasOpen = true;
        for (const message of this.#unsent.values()) this.#write(message);
        this.#heard();
      };
      socket.onmessage = ({ data }) => {
        this.#attempts = 0;
        this.#heard();
        this.#receive(JSON.parse(String(data)));
      };
      socket.onclose = ({ code }) => this.#ended(socket, code);
      // Node.js 20 does not close a socket that was refused.
      socket.onerror = () => {
        if (!wasOpen) this.#ended(socket, 1006);
      };
    } catch {
      this.#ended(this.#socket, 1006);
    }
  }

  #ended(socket: WebSocket | undefined, code: number): void {
    if (this.#closed || socket !== this.#socket) return;
    this.#socket = undefined;
    clearTimeout(this.#idle);
    clearTimeout(this.#timer);
    if (FINAL.includes(code)) {
      this.#finish(code);
      return;
    }
    const longest = Math.min(this.#options.maxReconnectWait ?? 30_000, 500 * 2 ** Math.min(this.#attempts, 10));
    this.#attempts += 1;
    this.#timer = setTimeout(() => void this.#connect(), Math.random() * longest);
  }

  /** Does not connect again. */
  #finish(code: number): void {
    this.close();
    this.#emit({ type: 'closed', code });
  }

  /** The server is heard of at least every 25 s. */
  #heard(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      const socket = this.#socket;
      socket?.close();
      this.#ended(socket, 1006);
    }, this.#options.idleTimeout ?? 60_000);
  }

  /** Sends messages again that the server has not confirmed. It stores and answers each once. */
  #repeatLater(): void {
    this.#repeat ??= setTimeout(() => {
      this.#repeat = undefined;
      if (this.#closed || this.#unsent.size === 0) return;
      for (const message of this.#unsent.values()) this.#write(message);
      this.#repeatLater();
    }, REPEAT_INTERVAL);
  }

  #write(message: object): void {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  #receive(event: ConversationSocketEvent): void {
    switch (event.type) {
      case 'delta':
        this.#grow(event);
        return;
      case 'reasoning':
        this.#think(event);
        return;
      case 'end':
        this.#end(event);
        return;
      case 'reply':
        if (event.messageId === this.#finished || event.messageId === this.#reply?.messageId) return;
        this.#reply = { messageId: event.messageId, text: '' };
        break;
      case 'message':
        if (event.id !== undefined) this.#unsent.delete(event.id);
        if (this.#isKnown(event.message.id)) return;
        break;
      case 'error':
        if (event.id !== undefined) this.#unsent.delete(event.id);
        break;
      case 'usage':
      case 'stop':
        if (event.messageId === this.#finished) return;
        break;
      case 'conversation':
        // The end of a reply was lost on the way.
        if (this.#reply && (event.reply?.messageId !== this.#reply.messageId || event.reply.status === 'ended')) this.#ask();
        break;
    }
    this.#emit(event);
  }

  /** Whether the message was seen before. */
  #isKnown(id: string): boolean {
    const isKnown = this.#messages.has(id);
    this.#messages.add(id);
    return isKnown;
  }

  /** Takes from a part of the reasoning what is new. It comes from its beginning when a reply is sent again. */
  #think(event: ConversationSocketEvents['reasoning']): void {
    const { messageId, offset, delta } = event;
    if (messageId === this.#finished) return;
    if (this.#reply?.messageId !== messageId) this.#reply = { messageId, text: '' };
    const known = this.#reply.reasoning ?? '';
    // What is between was lost: the stored message has it.
    if (offset + delta.length <= known.length) return;
    const added = delta.slice(Math.max(0, known.length - offset));
    const text = known + added;
    this.#reply.reasoning = text;
    this.#emit({ type: 'reasoning', messageId, offset: text.length - added.length, delta: added, text });
  }

  /** Takes from a part what is new. */
  #grow(event: ConversationSocketEvents['delta']): void {
    const { messageId, offset, delta } = event;
    if (messageId === this.#finished) return;
    if (this.#reply?.messageId !== messageId) this.#reply = { messageId, text: '' };
    const reply = this.#reply;
    const known = reply.text.length;
    // A part was lost: it is asked for, with what follows.
    if (offset > known) this.#ask();
    if (offset > known || offset + delta.length <= known) return;
    const added = delta.slice(known - offset);
    reply.text += added;
    this.#emit({ type: 'delta', messageId, offset: known, delta: added, text: reply.text });
    if (reply.end) this.#end(reply.end);
  }

  #end(event: ConversationSocketEvents['end']): void {
    if (event.messageId === this.#finished) return;
    const reply = this.#reply?.messageId === event.messageId ? this.#reply : { messageId: event.messageId, text: '' };
    this.#reply = reply;
    // Beyond its length: the server has lost what it had sent.
    if (reply.text.length > event.length) reply.text = reply.text.slice(0, event.length);
    if (reply.text.length < event.length) {
      reply.end = event;
      this.#ask();
      return;
    }
    this.#finished = event.messageId;
    this.#reply = undefined;
    clearTimeout(this.#sync);
    this.#sync = undefined;
    this.#emit({ ...event, text: reply.text });
  }

  /** Asks for the rest of the reply. */
  #ask(): void {
    if (this.#sync !== undefined) return;
    const wait = Math.max(0, this.#syncedAt + SYNC_INTERVAL - Date.now());
    this.#sync = setTimeout(() => {
      this.#sync = undefined;
      this.#syncedAt = Date.now();
      const reply = this.#reply;
      if (reply) this.#write({ type: 'sync', messageId: reply.messageId, offset: reply.text.length });
    }, wait);
  }

  #emit(event: ConversationSocketEvent): void {
    for (const type of [event.type, '*']) {
      for (const listener of this.#listeners.get(type) ?? []) (listener as (event: unknown) => void)(event);
    }
  }
}
