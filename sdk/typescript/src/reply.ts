import { GoldfishError } from './error.js';
import { type ConversationEvent, readEvents, type ReplyEvent, type UsageEvent } from './events.js';
import { backoff, pause, type Transport } from './transport.js';

/** Lost connections in a row, without a new piece of the reply between them, before giving up. */
const MAX_LOSSES = 6;

interface Origin {
  transport: Transport;
  /** The answer that the reply begins with. */
  response: Response;
  signal: AbortSignal | undefined;
  /** Longest silence, in milliseconds, before a connection counts as lost. */
  patience: number;
  /** What of the reply is known already. */
  conversationId?: string | undefined;
  messageId?: string | undefined;
  lastEventId?: number | undefined;
}

/**
 * A reply as it is said. To be read once, by one of: iterating over its events, {@link text},
 * {@link finalText}. A lost connection is made again, and each event is given exactly once.
 *
 * The reply goes on, and is kept, whether or not it is read to its end; {@link stop} ends it.
 */
export class ReplyStream implements AsyncIterable<ReplyEvent> {
  readonly #origin: Origin;
  #conversationId: string | undefined;
  #messageId: string | undefined;
  #lastEventId: number;
  #beginning: ConversationEvent | undefined;
  #usage: UsageEvent | undefined;
  #isRead = false;

  constructor(origin: Origin) {
    this.#origin = origin;
    this.#conversationId = origin.conversationId ?? origin.response.headers.get('x-conversation-id') ?? undefined;
    this.#messageId = origin.messageId;
    this.#lastEventId = origin.lastEventId ?? 0;
  }

  /** Known from the beginning, where the backend's headers can be read, else from the first event on. */
  get conversationId(): string | undefined {
    return this.#conversationId;
  }

  /** The reply's own id, from the first event on. */
  get messageId(): string | undefined {
    return this.#messageId;
  }

  /** The number of the last piece that was given; 0 before the first. What `chats.resume` takes. */
  get lastEventId(): number {
    return this.#lastEventId;
  }

  /** The conversation's title, from the first event on; of a resumed reply it may stay unknown. */
  get title(): string | undefined {
    return this.#beginning?.title;
  }

  /** Who answers, from the first event on; of a resumed reply it may stay unknown. */
  get model(): string | undefined {
    return this.#beginning?.model ?? this.#usage?.model;
  }

  /** What the reply took, when it has ended and that is known. */
  get usage(): UsageEvent | undefined {
    return this.#usage;
  }

  /** The pieces of the reply. Fails if it breaks off. */
  async *text(): AsyncGenerator<string, void, undefined> {
    for await (const event of this) {
      if (event.type === 'content') yield event.content;
      if (event.type === 'error') throw event.error;
    }
  }

  /** The whole reply, when it has ended. Fails if it breaks off. */
  async finalText(): Promise<string> {
    let text = '';
    for await (const piece of this.text()) text += piece;
    return text;
  }

  /** Ends the reply; what had arrived is kept. Known to be needed before the first event only where `conversationId` is. */
  async stop(): Promise<void> {
    const id = this.#conversationId;
    if (id === undefined) throw new Error('It is not known yet which conversation this is.');
    await this.#origin.transport.json('post', '/api/conversations/{id}/stop', { params: { id } });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ReplyEvent, void, undefined> {
    if (this.#isRead) throw new Error('A reply can be read once only.');
    this.#isRead = true;
    let events = this.#read(this.#origin.response);
    try {
      for (let losses = 0; ; ) {
        const next = await this.#next(events);
        if (next === 'lost') {
          losses += 1;
          const found = await this.#reattach(losses);
          if (Array.isArray(found)) return yield* found;
          if (found) events = this.#read(found);
          continue;
        }
        if (!this.#isNew(next)) continue;
        if (next.type === 'content') losses = 0;
        yield next;
        if (next.type === 'done') return;
      }
    } finally {
      await events.return();
    }
  }

  #read(response: Response): AsyncGenerator<ReplyEvent, void, undefined> {
    return readEvents(response, this.#origin.patience);
  }

  /** The answer's next event, or that it has ended, or failed, before the reply has. */
  async #next(events: AsyncGenerator<ReplyEvent, void, undefined>): Promise<ReplyEvent | 'lost'> {
    try {
      const { done, value } = await events.next();
      return done ? 'lost' : value;
    } catch {
      this.#origin.signal?.throwIfAborted();
      return 'lost';
    }
  }

  /** Remembers an event; false if it was given before. */
  #isNew(event: ReplyEvent): boolean {
    switch (event.type) {
      case 'conversation': {
        const isFirst = this.#beginning === undefined;
        this.#beginning = event;
        this.#conversationId = event.conversationId;
        this.#messageId = event.messageId;
        return isFirst;
      }
      case 'content': {
        const isNew = event.id > this.#lastEventId;
        this.#lastEventId = Math.max(this.#lastEventId, event.id);
        return isNew;
      }
      case 'usage':
        this.#usage = event;
        return true;
      default:
        return true;
    }
  }

  /** The rest of the reply: an answer that has it, or its last events; neither if it is to be tried again. */
  async #reattach(losses: number): Promise<Response | ReplyEvent[] | undefined> {
    const { transport, signal } = this.#origin;
    const id = this.#conversationId;
    if (losses > MAX_LOSSES || id === undefined) {
      throw GoldfishError.disconnected(new Error('The reply was lost; the backend may still have it.'));
    }
    if (losses > 1) await pause(backoff(losses) * 1000, signal);
    try {
      const response = await follow(transport, id, this.#messageId, this.#lastEventId, signal);
      return response ?? (await this.#ending(id));
    } catch (error) {
      const isOver = error instanceof GoldfishError && error.status !== 0 && error.status < 500;
      if (isOver || !(error instanceof GoldfishError)) throw error;
      return undefined;
    }
  }

  /** How the reply ended, of which every piece has been given already. */
  async #ending(id: string): Promise<ReplyEvent[] | undefined> {
    const { transport, signal } = this.#origin;
    const { messages } = await transport.json('get', '/api/conversations/{id}', { params: { id }, signal });
    const own = messages.findLast((message) =>
      this.#messageId === undefined ? message.role === 'assistant' : message.id === this.#messageId,
    );
    if (own === undefined || own.status === 'streaming') return undefined;
    if (own.status !== 'incomplete') return [{ type: 'done' }];
    const error = new GoldfishError('The reply broke off.', { status: 200, code: 'PROVIDER_ERROR' });
    return [{ type: 'error', error }, { type: 'done' }];
  }
}

/** What there is of a reply after an event; nothing if none is under way and none unread. */
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
