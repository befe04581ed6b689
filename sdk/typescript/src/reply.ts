import { GoldfishError } from './error.js';
import { type ConversationEvent, readEvents, type ReplyEvent, type UsageEvent } from './events.js';
import type { components } from './schema.js';
import { backoff, pause, type Transport } from './transport.js';

type EvictedConversation = components['schemas']['EvictedConversation'];

/** Most lost connections in a row without a new part of the reply between them. */
const MAX_LOSSES = 6;

interface ReplyOptions {
  transport: Transport;
  /** The response with the first events. */
  response: Response;
  signal: AbortSignal | undefined;
  /** Milliseconds without data after which a connection counts as lost. */
  idleTimeout: number;
  /** What is known of a resumed reply. */
  conversationId?: string | undefined;
  messageId?: string | undefined;
  lastEventId?: number | undefined;
}

/**
 * A streamed reply. It can be read once: iterate over its events, or use {@link text} or
 * {@link finalText}. After a lost connection the stream is resumed, and each event is delivered once.
 *
 * The server writes and stores the whole reply even if it is not read; {@link stop} stops it.
 */
export class ReplyStream implements AsyncIterable<ReplyEvent> {
  readonly #options: ReplyOptions;
  #events: AsyncGenerator<ReplyEvent, void, undefined>;
  /** Read in advance, to know the conversation. */
  #first: ReplyEvent | undefined;
  #conversationId: string | undefined;
  #messageId: string | undefined;
  #lastEventId: number;
  /** How much of the model's reasoning was delivered, in UTF-16 units. */
  #reasoning = 0;
  #conversationEvent: ConversationEvent | undefined;
  #usage: UsageEvent | undefined;
  readonly #evicted: EvictedConversation[] = [];
  #isRead = false;

  constructor(options: ReplyOptions) {
    this.#options = options;
    this.#events = this.#read(options.response);
    this.#conversationId = options.conversationId ?? options.response.headers.get('x-conversation-id') ?? undefined;
    this.#messageId = options.messageId;
    this.#lastEventId = options.lastEventId ?? 0;
  }

  /** A reply whose conversation is known. Some clients cannot read response headers: then it is in the first event. */
  static async start(options: ReplyOptions): Promise<ReplyStream> {
    const reply = new ReplyStream(options);
    if (reply.#conversationId !== undefined) return reply;
    const first = await reply.#next(reply.#events);
    if (first === 'lost' || first.type !== 'conversation') {
      await reply.#events.return();
      throw GoldfishError.disconnected(new Error('The response ended before its first event.'));
    }
    reply.#first = first;
    reply.#conversationId = first.conversationId;
    return reply;
  }

  get conversationId(): string {
    return this.#conversationId ?? '';
  }

  /** The id of the reply, from the first event on. */
  get messageId(): string | undefined {
    return this.#messageId;
  }

  /** The number of the last part that was delivered, for `chats.resume`; 0 before the first. */
  get lastEventId(): number {
    return this.#lastEventId;
  }

  /** The title of the conversation, from the first event on; may stay unknown for a resumed reply. */
  get title(): string | undefined {
    return this.#conversationEvent?.title;
  }

  /** The model, from the first event on; may stay unknown for a resumed reply. */
  get model(): string | undefined {
    return this.#conversationEvent?.model ?? this.#usage?.model;
  }

  /** The conversations that were evicted for this one so far; `chats.restore` brings one back. */
  get evicted(): readonly EvictedConversation[] {
    return this.#evicted;
  }

  /** The tokens that the reply took, if known, after its end. */
  get usage(): UsageEvent | undefined {
    return this.#usage;
  }

  /** The parts of the reply as they arrive. Fails if the reply is interrupted. */
  async *text(): AsyncGenerator<string, void, undefined> {
    for await (const event of this) {
      if (event.type === 'content') yield event.content;
      if (event.type === 'error') throw event.error;
    }
  }

  /** The text of the whole reply after its end. Fails if the reply is interrupted. */
  async finalText(): Promise<string> {
    let text = '';
    for await (const delta of this.text()) text += delta;
    return text;
  }

  /** Stops the reply; the part that was written is kept. */
  async stop(): Promise<void> {
    const id = this.conversationId;
    await this.#options.transport.json('post', '/api/conversations/{id}/stop', { params: { id } });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ReplyEvent, void, undefined> {
    if (this.#isRead) throw GoldfishError.misuse('This reply was already read. Use `finalText()` or save the text.');
    this.#isRead = true;
    try {
      for (let losses = 0; ; ) {
        const next = this.#first ?? (await this.#next(this.#events));
        this.#first = undefined;
        if (next === 'lost') {
          losses += 1;
          const rest = await this.#reconnect(losses);
          if (Array.isArray(rest)) return yield* rest;
          if (rest) this.#events = this.#read(rest);
          continue;
        }
        if (!this.#isNew(next)) continue;
        if (next.type === 'content') losses = 0;
        yield next;
        if (next.type === 'done') return;
      }
    } finally {
      await this.#events.return();
    }
  }

  #read(response: Response): AsyncGenerator<ReplyEvent, void, undefined> {
    return readEvents(response, this.#options.idleTimeout);
  }

  /** The next event of the response; `lost` if it ended or failed before the reply did. */
  async #next(events: AsyncGenerator<ReplyEvent, void, undefined>): Promise<ReplyEvent | 'lost'> {
    try {
      const { done, value } = await events.next();
      return done ? 'lost' : value;
    } catch {
      this.#options.signal?.throwIfAborted();
      return 'lost';
    }
  }

  /** Records an event; false if it was delivered before. Of reasoning, the part that was delivered is removed. */
  #isNew(event: ReplyEvent): boolean {
    switch (event.type) {
      case 'conversation': {
        // It is sent again when conversations were evicted, and by a connection that begins anew.
        const isNew = this.#conversationEvent === undefined || event.evicted.length > 0;
        this.#conversationEvent = event;
        this.#evicted.push(...event.evicted);
        this.#conversationId = event.conversationId;
        this.#messageId = event.messageId;
        return isNew;
      }
      case 'content': {
        const isNew = event.id > this.#lastEventId;
        this.#lastEventId = Math.max(this.#lastEventId, event.id);
        return isNew;
      }
      case 'reasoning': {
        // A new connection sends it from its beginning.
        const end = event.offset + event.reasoning.length;
        if (end <= this.#reasoning) return false;
        event.reasoning = event.reasoning.slice(Math.max(0, this.#reasoning - event.offset));
        event.offset = end - event.reasoning.length;
        this.#reasoning = end;
        return true;
      }
      case 'usage':
        this.#usage = event;
        return true;
      default:
        return true;
    }
  }

  /** The rest of the reply: a response with it, or its last events; neither if a retry is needed. */
  async #reconnect(losses: number): Promise<Response | ReplyEvent[] | undefined> {
    const { transport, signal } = this.#options;
    const id = this.#conversationId;
    if (losses > MAX_LOSSES || id === undefined) {
      throw GoldfishError.disconnected(new Error('The connection was lost. The server may still have the whole reply.'));
    }
    if (losses > 1) await pause(backoff(losses) * 1000, signal);
    try {
      const response = await follow(transport, id, this.#messageId, this.#lastEventId, signal);
      return response ?? (await this.#lastEvents(id));
    } catch (error) {
      const isOver = error instanceof GoldfishError && error.status !== 0 && error.status < 500;
      if (isOver || !(error instanceof GoldfishError)) throw error;
      return undefined;
    }
  }

  /** The last events of a reply of which every part was delivered. */
  async #lastEvents(id: string): Promise<ReplyEvent[] | undefined> {
    const { transport, signal } = this.#options;
    const { messages } = await transport.json('get', '/api/conversations/{id}', { params: { id }, signal });
    const replies = messages.filter(({ role }) => role === 'assistant');
    // A version that failed without a word is not the active one.
    const versions = replies.flatMap((message) => [message, ...(message.versions ?? [])]);
    const own =
      this.#messageId === undefined ? replies.at(-1) : versions.find(({ id }) => id === this.#messageId);
    if (own === undefined || own.status === 'streaming') return undefined;
    if (own.status !== 'incomplete') return [{ type: 'done' }];
    const { code, message } = replies.find(({ id }) => id === own.id)?.failure ?? {
      code: 'PROVIDER_ERROR' as const,
      message: 'The reply was interrupted.',
    };
    const error = new GoldfishError(message, { status: 200, code });
    return [{ type: 'error', error }, { type: 'done' }];
  }
}

/** The rest of a reply after an event; `undefined` if no reply is being written and nothing is missing. */
export async function follow(
  transport: Transport,
  id: string,
  messageId: string | undefined,
  lastEventId: number | undefined,
  signal: AbortSignal | undefined,
): Promise<Response | undefined> {
  const response = await transport.send('get', '/api/conversations/{id}/stream', {
    params: { id },
    query: { messageId },
    headers: lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) },
    signal,
  });
  return response.status === 204 ? undefined : response;
}
