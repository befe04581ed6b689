import { ReplyStream, follow } from './reply.js';
import type { components } from './schema.js';
import type { Transport } from './transport.js';

type Schemas = components['schemas'];

export type Conversation = Schemas['Conversation'];
export type ConversationSummary = Schemas['ConversationSummary'];
export type Message = Schemas['Message'];

/** What is said, and how it is to be answered. */
export type ChatRequest = Schemas['ChatRequest'];
/** How the last message is to be answered this time. */
export type RegenerateRequest = Schemas['RegenerateRequest'];

export interface ReadOptions {
  /** Ends reading, not the reply: see `ReplyStream.stop`. */
  signal?: AbortSignal;
}

export interface SendOptions extends ReadOptions {
  /** Names the request, so that sending it again asks no second time; made at random unless given. */
  idempotencyKey?: string;
}

export interface ResumeOptions extends ReadOptions {
  /** The last piece that one has (`ReplyStream.lastEventId`); left out, a reply under way is given from its beginning. */
  lastEventId?: number;
  /** Which reply that piece is of; left out, the last one. */
  messageId?: string;
}

/** One message as other chat APIs take them. */
export interface UserMessage {
  role: 'user';
  content: string;
}

/** Conversations, and the replies in them. */
export class Chats {
  readonly #transport: Transport;
  readonly #patience: number;

  constructor(transport: Transport, patience: number) {
    this.#transport = transport;
    this.#patience = patience;
  }

  /**
   * Says something, in a new conversation or in one there is, and gives the reply once the model has
   * begun to answer. Fails where it does not even begin.
   */
  async sendMessage(request: ChatRequest, options?: SendOptions): Promise<ReplyStream>;
  /** The same for a conversation and one message to it; what was said before is known to the backend. */
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
    if (typeof first !== 'string') return this.#ask('/api/chat', {}, first, second as SendOptions);
    const [message] = second as readonly [UserMessage];
    const body = { conversationId: first, message: message.content };
    return this.#ask('/api/chat', {}, body, third);
  }

  /** Another reply in place of a conversation's last one. */
  async regenerate(id: string, request: RegenerateRequest = {}, options?: SendOptions): Promise<ReplyStream> {
    return this.#ask('/api/conversations/{id}/regenerate', { id }, request, options);
  }

  /**
   * The reply under way, whoever asked for it, or, with `lastEventId`, what one lacks of the last one;
   * none if there is neither.
   */
  async resume(id: string, options: ResumeOptions = {}): Promise<ReplyStream | undefined> {
    const { lastEventId, messageId, signal } = options;
    const response = await follow(this.#transport, id, messageId, lastEventId, signal);
    return (
      response &&
      new ReplyStream({
        transport: this.#transport,
        patience: this.#patience,
        response,
        signal,
        conversationId: id,
        messageId,
        lastEventId,
      })
    );
  }

  /** Ends the reply under way, from wherever it was asked for; whether there was one. */
  async stop(id: string): Promise<boolean> {
    const params = { id };
    return (await this.#transport.json('post', '/api/conversations/{id}/stop', { params })).stopped;
  }

  /** All of them with their messages, the most recently updated one first. */
  async list(): Promise<Conversation[]> {
    return (await this.#transport.json('get', '/api/conversations')).conversations;
  }

  /** The same without messages. */
  async history(): Promise<ConversationSummary[]> {
    return (await this.#transport.json('get', '/api/history')).conversations;
  }

  async get(id: string): Promise<Conversation> {
    return this.#transport.json('get', '/api/conversations/{id}', { params: { id } });
  }

  async rename(id: string, title: string): Promise<Conversation> {
    return this.#transport.json('patch', '/api/conversations/{id}', { params: { id }, body: { title } });
  }

  async delete(id: string): Promise<void> {
    await this.#transport.json('delete', '/api/conversations/{id}', { params: { id } });
  }

  /** Forgets all conversations of the user, and the preferences. */
  async clear(): Promise<void> {
    await this.#transport.json('delete', '/api/conversations');
  }

  async #ask(
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
    return new ReplyStream({ transport: this.#transport, patience: this.#patience, response, signal });
  }
}
