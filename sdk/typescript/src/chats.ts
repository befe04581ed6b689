import { ReplyStream, follow } from './reply.js';
import type { components } from './schema.js';
import type { Transport } from './transport.js';

type Schemas = components['schemas'];

export type Conversation = Schemas['Conversation'];
export type ConversationSummary = Schemas['ConversationSummary'];
export type Message = Schemas['Message'];
/** One of several versions of a message. */
export type MessageVersion = Schemas['MessageVersion'];
/** A conversation that was deleted to make room. */
export type EvictedConversation = Schemas['EvictedConversation'];
/** A restored conversation, and what was evicted for it. */
export type Restored = Schemas['Restored'];

/** A file that came with a message. */
export type Attachment = Schemas['Attachment'];

/** A message, the ids of its files, and settings for the reply. */
export type ChatRequest = Schemas['ChatRequest'];
/** Settings for the new reply. */
export type RegenerateRequest = Schemas['RegenerateRequest'];

export interface ReadOptions {
  /** Stops reading, not the reply; see `ReplyStream.stop`. */
  signal?: AbortSignal;
}

export interface SendOptions extends ReadOptions {
  /** A retry with the same key gets the existing reply. Default: a random UUID. */
  idempotencyKey?: string;
}

export interface ResumeOptions extends ReadOptions {
  /** The last event that was received (`ReplyStream.lastEventId`). Without it, a reply that is being written is sent from its beginning. */
  lastEventId?: number;
  /** The reply that the event belongs to. Default: the last one. */
  messageId?: string;
}

/** A message in the format of other chat APIs. */
export interface UserMessage {
  role: 'user';
  content: string;
  /** Ids of files of `Goldfish.files`. */
  attachments?: string[];
}

/** Conversations and replies. */
export class Chats {
  readonly #transport: Transport;
  readonly #idleTimeout: number;

  constructor(transport: Transport, idleTimeout: number) {
    this.#transport = transport;
    this.#idleTimeout = idleTimeout;
  }

  /**
   * Sends a message, in a new conversation or an existing one. Resolves when the model begins to reply,
   * and fails if it does not.
   */
  async sendMessage(request: ChatRequest, options?: SendOptions): Promise<ReplyStream>;
  /** Sends one message to a conversation; the server has the earlier messages. */
  async sendMessage(
    conversationId: string,
    messages: readonly [UserMessage],
    options?: SendOptions,
  ): Promise<ReplyStream>;
  async sendMessage(
    first: ChatRequest | string,
    second?: readonly [UserMessage] | SendOptions,
    third?: SendOptions,
  ): Promise<ReplyStream> {
    if (typeof first !== 'string') return this.#send('/api/chat', {}, first, second as SendOptions);
    const [message] = second as readonly [UserMessage];
    const { content, attachments } = message;
    const body = { conversationId: first, message: content, ...(attachments && { attachments }) };
    return this.#send('/api/chat', {}, body, third);
  }

  /** Requests another version of a reply: of `messageId`, or of the last one. */
  async regenerate(id: string, request: RegenerateRequest = {}, options?: SendOptions): Promise<ReplyStream> {
    return this.#send('/api/conversations/{id}/regenerate', { id }, request, options);
  }

  /**
   * The reply that is being written, whichever client requested it; with `lastEventId`, the missing part of
   * the last reply. `undefined` if there is neither.
   */
  async resume(id: string, options: ResumeOptions = {}): Promise<ReplyStream | undefined> {
    const { lastEventId, messageId, signal } = options;
    const response = await follow(this.#transport, id, messageId, lastEventId, signal);
    return (
      response &&
      new ReplyStream({
        transport: this.#transport,
        idleTimeout: this.#idleTimeout,
        response,
        signal,
        conversationId: id,
        messageId,
        lastEventId,
      })
    );
  }

  /** Stops the reply that is being written, whichever client requested it. Returns whether there was one. */
  async stop(id: string): Promise<boolean> {
    const params = { id };
    return (await this.#transport.json('post', '/api/conversations/{id}/stop', { params })).stopped;
  }

  /** All conversations with their messages, the most recently updated one first. */
  async list(): Promise<Conversation[]> {
    return (await this.#transport.json('get', '/api/conversations')).conversations;
  }

  /** All conversations without messages. */
  async history(): Promise<ConversationSummary[]> {
    return (await this.#transport.json('get', '/api/history')).conversations;
  }

  async get(id: string): Promise<Conversation> {
    return this.#transport.json('get', '/api/conversations/{id}', { params: { id } });
  }

  async rename(id: string, title: string): Promise<Conversation> {
    return this.#transport.json('patch', '/api/conversations/{id}', { params: { id }, body: { title } });
  }

  /** The conversation that is evicted when the reply to another new one begins; `null` while there is room. */
  async nextEvicted(): Promise<EvictedConversation | null> {
    return (await this.#transport.json('get', '/api/history')).nextEvicted;
  }

  /** Makes another version of a message the active one. `messageId` is the id of any version of it. */
  async setActive(id: string, messageId: string, active: string): Promise<Conversation> {
    const params = { id, messageId };
    return this.#transport.json('patch', '/api/conversations/{id}/messages/{messageId}', { params, body: { active } });
  }

  /** Keeps a conversation from eviction. */
  async pin(id: string): Promise<Conversation> {
    return this.#transport.json('put', '/api/conversations/{id}/pin', { params: { id } });
  }

  async unpin(id: string): Promise<Conversation> {
    return this.#transport.json('delete', '/api/conversations/{id}/pin', { params: { id } });
  }

  /** Brings back an evicted conversation, within `evictionUndoSeconds`. */
  async restore(id: string): Promise<Restored> {
    return this.#transport.json('post', '/api/conversations/{id}/restore', { params: { id } });
  }

  async delete(id: string): Promise<void> {
    await this.#transport.json('delete', '/api/conversations/{id}', { params: { id } });
  }

  /** Deletes all conversations and preferences of the user. */
  async clear(): Promise<void> {
    await this.#transport.json('delete', '/api/conversations');
  }

  async #send(
    path: '/api/chat' | '/api/conversations/{id}/regenerate',
    params: Record<string, string>,
    body: ChatRequest | RegenerateRequest,
    options: SendOptions = {},
  ): Promise<ReplyStream> {
    const { signal, idempotencyKey = crypto.randomUUID() } = options;
    const response = await this.#transport.send('post', path, {
      params,
      body,
      headers: { 'idempotency-key': idempotencyKey },
      signal,
    });
    return ReplyStream.start({ transport: this.#transport, idleTimeout: this.#idleTimeout, response, signal });
  }
}
