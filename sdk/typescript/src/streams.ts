import { GoldfishError } from './error.js';
import type { components } from './schema.js';
import { type RequestOptions, type Transport, backoff, pause } from './transport.js';

type Schemas = components['schemas'];

export type Stream = Schemas['Stream'];
export type StreamList = Schemas['StreamList'];
export type NewStream = Schemas['NewStream'];

const PATH = '/api/v1/streams/{id}';

/** What was read of a stream at once. */
export interface StreamPart<T = unknown> {
  /** The content: the values of a stream of JSON, the text or the bytes of another one. */
  content: T;
  /** Where to read on. */
  nextOffset: string;
  /** Whether there was no more content. */
  upToDate: boolean;
  /** Whether the stream is closed, and all of it was read. */
  closed: boolean;
}

export interface AppendOptions {
  /** Default: that of JSON, of text for a string in `text`, of bytes for bytes. */
  contentType?: string;
  /** Closes the stream after this append. */
  close?: boolean;
  /** Numbers the appends of a producer, so that one can be repeated safely. */
  producer?: { id: string; epoch: number; sequence: number };
  signal?: AbortSignal;
}

export interface ReadStreamOptions {
  /** Default: the beginning. `now`: the end. */
  offset?: string;
  signal?: AbortSignal;
}

/** Append-only streams. Any client of the Durable Streams protocol reads and writes them too. */
export class Streams {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Creates a stream, of JSON by default. With `visibility: 'link'`, the result has a link for reading. */
  async create(values: NewStream = {}): Promise<Stream> {
    return this.#transport.json('post', '/api/v1/streams', { body: values });
  }

  /** A page of the streams of the user, the newest first. */
  async list(query: { limit?: number; cursor?: string } = {}): Promise<StreamList> {
    return this.#transport.json('get', '/api/v1/streams', { query });
  }

  /** Changes who can read a stream. `link` makes a new link; earlier ones do not work any more. */
  async setVisibility(id: string, visibility: 'private' | 'link'): Promise<Stream> {
    return this.#transport.json('patch', PATH, { params: { id }, body: { visibility } });
  }

  /**
   * Appends a value of JSON, or the values of an array; with a `contentType`, text or bytes. Returns the offset after
   * it. With a `producer`, it is repeated if the connection is lost.
   */
  async append(id: string, data: unknown, options: AppendOptions = {}): Promise<string> {
    const { contentType = 'application/json', close, producer, signal } = options;
    const isRaw = contentType !== 'application/json';
    const body = isRaw ? (data as string | Uint8Array<ArrayBuffer>) : JSON.stringify(data);
    const blob = new Blob([body]);
    const headers: Record<string, string> = {};
    if (close) headers['stream-closed'] = 'true';
    if (producer) {
      headers['producer-id'] = producer.id;
      headers['producer-epoch'] = String(producer.epoch);
      headers['producer-seq'] = String(producer.sequence);
    }
    const request: RequestOptions = {
      params: { id },
      content: { type: contentType, make: () => blob },
      headers,
      signal,
    };
    for (let retries = 0; ; retries += 1) {
      try {
        const response = await this.#transport.send('post', PATH, request);
        return response.headers.get('stream-next-offset') ?? '';
      } catch (error) {
        const isLost = error instanceof GoldfishError && error.code === 'CONNECTION_FAILED';
        if (!producer || !isLost || retries >= 2) throw error;
        await pause(backoff(retries) * 1000, signal);
      }
    }
  }

  /** Closes a stream: nothing more can be appended. May be repeated. */
  async close(id: string): Promise<void> {
    await this.#transport.send('post', PATH, { params: { id }, headers: { 'stream-closed': 'true' } });
  }

  /** Reads what there is after an offset, about 1 MiB at most. */
  async read<T = unknown>(id: string, { offset = '-1', signal }: ReadStreamOptions = {}): Promise<StreamPart<T>> {
    const response = await this.#transport.send('get', PATH, { params: { id }, query: { offset }, signal });
    return part<T>(response);
  }

  /**
   * Reads a stream from an offset on and follows it, until it is closed or `signal` aborts. A lost connection is
   * resumed at the last offset; nothing is missed or repeated.
   */
  async *follow<T = unknown>(id: string, { offset = '-1', signal }: ReadStreamOptions = {}): AsyncGenerator<StreamPart<T>> {
    let at = offset;
    let cursor: string | undefined;
    let failures = 0;
    let live = at === 'now';
    for (;;) {
      let response: Response;
      try {
        const query = live ? { offset: at, live: 'long-poll', cursor } : { offset: at };
        response = await this.#transport.send('get', PATH, { params: { id }, query, signal });
        failures = 0;
      } catch (error) {
        const isLost = error instanceof GoldfishError && (error.status === 0 || error.status >= 500);
        if (!isLost || failures >= 5) throw error;
        await pause(backoff(failures) * 1000, signal);
        failures += 1;
        continue;
      }
      const found = await part<T>(response);
      at = found.nextOffset;
      cursor = response.headers.get('stream-cursor') ?? undefined;
      live = found.upToDate;
      if (!isEmpty(found.content)) yield found;
      if (found.closed) return;
    }
  }

  async delete(id: string): Promise<void> {
    await this.#transport.send('delete', PATH, { params: { id } });
  }
}

async function part<T>(response: Response): Promise<StreamPart<T>> {
  const has = (name: string) => response.headers.get(name) === 'true';
  return {
    content: (await contentOf(response)) as T,
    nextOffset: response.headers.get('stream-next-offset') ?? '',
    upToDate: has('stream-up-to-date'),
    closed: has('stream-closed'),
  };
}

async function contentOf(response: Response): Promise<unknown> {
  if (response.status === 204) return undefined;
  const type = (response.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/json') return response.json();
  return type.startsWith('text/') ? response.text() : new Uint8Array(await response.arrayBuffer());
}

function isEmpty(content: unknown): boolean {
  return content === undefined || (content as ArrayLike<unknown>).length === 0;
}
