import type { ReadOptions } from './chats.js';
import { ReplyStream } from './reply.js';
import type { components } from './schema.js';
import type { Transport } from './transport.js';

type Schemas = components['schemas'];

export type Chat = Schemas['Chat'];
export type ChatWithMessages = Schemas['ChatWithMessages'];
export type ChatList = Schemas['ChatList'];
export type NewChat = Schemas['NewChat'];

/** A message as alleato's clients send it. The chat is stored by the server, so only the last one is new. */
export interface ChatInput {
  role: 'user' | 'assistant' | 'system';
  content: string;
  /** Ids of files of `Goldfish.files`. */
  attachments?: string[];
}

export interface SendMessageOptions extends ReadOptions {
  model?: string;
  /** A retry with the same key gets the existing reply. Default: a random UUID. */
  idempotencyKey?: string;
}

/** Chats: the conversations of `Goldfish.chats`, which can be created before their first message. */
export class AlleatoChats {
  readonly #transport: Transport;
  readonly #idleTimeout: number;

  constructor(transport: Transport, idleTimeout: number) {
    this.#transport = transport;
    this.#idleTimeout = idleTimeout;
  }

  async create(values: NewChat = {}): Promise<{ chat: Chat }> {
    return this.#transport.json('post', '/api/v1/chats', { body: values });
  }

  /** A page of the chats, most recently updated first. `cursor` is the `nextCursor` of the page before. */
  async list(query: { limit?: number; cursor?: string } = {}): Promise<ChatList> {
    return this.#transport.json('get', '/api/v1/chats', { query });
  }

  async get(id: string): Promise<{ chat: ChatWithMessages }> {
    return this.#transport.json('get', '/api/v1/chats/{id}', { params: { id } });
  }

  /** Sends the last message; resolves when the model begins to reply. */
  async sendMessage(id: string, messages: readonly ChatInput[], options: SendMessageOptions = {}): Promise<ReplyStream> {
    const { model, signal, idempotencyKey = crypto.randomUUID() } = options;
    const response = await this.#transport.send('post', '/api/v1/chats/{id}/messages', {
      params: { id },
      body: { messages, ...(model !== undefined && { model }) },
      headers: { 'idempotency-key': idempotencyKey },
      signal,
    });
    return new ReplyStream({ transport: this.#transport, idleTimeout: this.#idleTimeout, response, signal });
  }

  async delete(id: string): Promise<void> {
    await this.#transport.json('delete', '/api/v1/chats/{id}', { params: { id } });
  }
}
