import { GoldfishError, retryAfter } from './error.js';
import type { paths } from './schema.js';
import type { TokenStore } from './store.js';

/** Whether a browser sends cookies; the same as `RequestCredentials` of the DOM. */
export type Credentials = 'include' | 'omit' | 'same-origin';

export interface TransportOptions {
  /** The URL of the server, for example `https://chat.example.com`. */
  baseUrl: string;
  /** An API key (`gf_…`), or another token that is not refreshed. With it, `store` is not used. */
  apiKey?: string | undefined;
  /** Keeps the tokens of the session; none if the cookie is used. */
  store: TokenStore | undefined;
  credentials?: Credentials | undefined;
  fetch: typeof fetch;
  headers: Readonly<Record<string, string>>;
  maxRetries: number;
  maxRetryWait: number;
}

/** The operation of a method and a path in the OpenAPI document. */
type Operation<M extends string, P extends keyof paths> = M extends keyof paths[P] ? paths[P][M] : never;

/** The paths that have this method. */
export type PathsOf<M extends string> = {
  [P in keyof paths]: M extends keyof paths[P] ? (paths[P][M] extends { responses: object } ? P : never) : never;
}[keyof paths];

/** The JSON body of the request. */
export type BodyOf<O> = O extends { requestBody?: { content: { 'application/json': infer B } } } ? B : never;

type Success = 200 | 201 | 202;

/** The JSON body of the response. */
export type ResultOf<O> = O extends { responses: infer R }
  ? { [S in keyof R]: S extends Success ? JsonOf<R[S]> : never }[keyof R]
  : never;
type JsonOf<R> = R extends { content: { 'application/json': infer T } } ? T : never;

/** A body of some media type. */
export interface Content {
  type: string;
  /** Makes the body; called again if the request is sent again. */
  make: () => Blob | ReadableStream<Uint8Array>;
}

export interface RequestOptions<B = unknown> {
  /** Values of the `{…}` in the path. */
  params?: Record<string, string>;
  query?: Record<string, string | number | boolean | undefined>;
  body?: B | undefined;
  /** A body that is not JSON. */
  content?: Content;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** The function that sends this request, in place of that of the client. */
  fetch?: typeof fetch;
  /** Sent without a token: the body is the credential. */
  anonymous?: boolean;
}

/** Sends authenticated requests, and retries if that is safe. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #base: string;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#base = options.baseUrl.replace(/\/+$/, '');
  }

  /** The URL of a WebSocket. */
  socketUrl(path: string): string {
    return `${this.#base || location.origin}${path}`.replace(/^http/, 'ws');
  }

  get store(): TokenStore | undefined {
    return this.#options.apiKey === undefined ? this.#options.store : undefined;
  }

  /** Sends a request that the OpenAPI document describes, and returns the JSON of the response. */
  async json<M extends 'get' | 'post' | 'put' | 'patch' | 'delete', P extends PathsOf<M>>(
    method: M,
    path: P,
    options: RequestOptions<BodyOf<Operation<M, P>>> = {},
  ): Promise<ResultOf<Operation<M, P>>> {
    const response = await this.send(method, path, options);
    try {
      return (await response.json()) as ResultOf<Operation<M, P>>;
    } catch (cause) {
      options.signal?.throwIfAborted();
      throw GoldfishError.disconnected(cause);
    }
  }

  /** Sends a request for an array, and returns it with the query of the page that `Link` calls `rel`. */
  async page<P extends PathsOf<'get'>>(
    path: P,
    options: RequestOptions,
  ): Promise<{ items: ResultOf<Operation<'get', P>>; link: (rel: string) => URLSearchParams | undefined }> {
    const response = await this.send('get', path, options);
    try {
      const items = (await response.json()) as ResultOf<Operation<'get', P>>;
      const header = response.headers.get('link') ?? '';
      return { items, link: (rel) => linked(header, rel) };
    } catch (cause) {
      options.signal?.throwIfAborted();
      throw GoldfishError.disconnected(cause);
    }
  }

  /** Sends a request and returns a successful response, with its body unread. */
  async send(method: string, path: keyof paths, options: RequestOptions): Promise<Response> {
    const store = options.anonymous ? undefined : this.store;
    const token = options.anonymous ? undefined : (this.#options.apiKey ?? (await store?.get())?.token);
    let response = await this.#sendWithRetries(method, path, options, token);
    if (response.status === 401 && store && token !== undefined) {
      const refreshed = await this.#refresh(store, token, options.signal);
      if (refreshed !== undefined) {
        await response.body?.cancel();
        response = await this.#sendWithRetries(method, path, options, refreshed);
      }
    }
    if (!response.ok) throw await GoldfishError.fromResponse(response);
    return response;
  }

  /**
   * Sends a request, with retries. `GET` is retried after 429 and 503, when `Retry-After` has passed, and
   * after a lost connection. A request with an `Idempotency-Key` is retried only after a lost connection,
   * because the server stores the response 503 for the key.
   */
  async #sendWithRetries(method: string, path: string, options: RequestOptions, token: string | undefined): Promise<Response> {
    const isSafe = method === 'get';
    const isRepeatable = isSafe || options.headers?.['idempotency-key'] !== undefined;
    for (let retries = 0; ; retries += 1) {
      const isLast = retries >= this.#options.maxRetries;
      try {
        const response = await this.#attempt(method, path, options, token);
        const isBusy = response.status === 429 || response.status === 503;
        const wait = (retryAfter(response) ?? backoff(retries)) * 1000;
        if (!isBusy || !isSafe || isLast || wait > this.#options.maxRetryWait) return response;
        await response.body?.cancel();
        await pause(wait, options.signal);
      } catch (cause) {
        options.signal?.throwIfAborted();
        if (!isRepeatable || isLast) throw GoldfishError.disconnected(cause);
        await pause(backoff(retries) * 1000, options.signal);
      }
    }
  }

  #attempt(method: string, path: string, options: RequestOptions, token: string | undefined): Promise<Response> {
    const headers = new Headers(this.#options.headers);
    for (const [name, value] of Object.entries(options.headers ?? {})) headers.set(name, value);
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
    const init: RequestInit = { method: method.toUpperCase(), headers };
    if (options.body !== undefined) {
      headers.set('content-type', 'application/json');
      init.body = JSON.stringify(options.body);
    }
    if (options.content !== undefined) {
      headers.set('content-type', options.content.type);
      // Without it, a stream cannot be sent.
      Object.assign(init, { body: options.content.make(), duplex: 'half' });
    }
    if (options.signal) init.signal = options.signal;
    if (this.#options.credentials) init.credentials = this.#options.credentials;
    // Not called as a method: browsers require the window as `this`.
    const fetch = options.fetch ?? this.#options.fetch;
    return fetch(this.#url(path, options), init);
  }

  #url(path: string, { params = {}, query = {} }: RequestOptions): string {
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
    const given = Object.entries(query).filter((entry) => entry[1] !== undefined);
    const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
    return `${this.#base}${filled}${search && `?${search}`}`;
  }

  /** A new token in place of a rejected one; `undefined` if there is none. */
  #refresh(store: TokenStore, rejected: string, signal: AbortSignal | undefined): Promise<string | undefined> {
    return store.exclusively(async () => {
      const session = await store.get();
      if (session === undefined) return undefined;
      // Another client has refreshed the tokens meanwhile.
      if (session.token !== rejected) return session.token;
      // Not abortable: a refresh token can be used once, and its response has the next one.
      signal?.throwIfAborted();
      const body = { refreshToken: session.refreshToken };
      const response = await this.#sendWithRetries('post', '/api/v1/auth/refresh', { body }, undefined);
      if (response.status === 401) {
        await response.body?.cancel();
        await store.set(undefined);
        return undefined;
      }
      if (!response.ok) throw await GoldfishError.fromResponse(response);
      const refreshed = (await response.json()) as typeof session;
      await store.set(refreshed);
      return refreshed.token;
    });
  }
}

/** The query of the link with that relation in a `Link` header (RFC 8288). */
function linked(header: string, rel: string): URLSearchParams | undefined {
  for (const [, target = '', found] of header.matchAll(/<([^>]*)>; rel="(\w+)"/g)) {
    if (found === rel) return new URLSearchParams(target.split('?')[1]);
  }
  return undefined;
}

/** Seconds to wait: doubles with each retry, with random jitter. */
export function backoff(retries: number): number {
  return (0.25 * 2 ** retries * (1 + Math.random())) / 2;
}

/** Waits; rejects if aborted. */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, milliseconds);
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}
