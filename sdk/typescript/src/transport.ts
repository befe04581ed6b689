import { GoldfishError, retryAfter } from './error.js';
import type { paths } from './schema.js';
import type { TokenStore } from './store.js';

export interface TransportOptions {
  /** Where the backend is, for example `https://chat.example.com`. */
  baseUrl: string;
  /** An API key (`gf_…`), or any token that is never renewed. With one, `store` is not used. */
  apiKey?: string | undefined;
  /** Keeps the tokens of who signs in; none where the browser's cookie is to be used. */
  store: TokenStore | undefined;
  credentials?: RequestCredentials | undefined;
  fetch: typeof fetch;
  headers: Readonly<Record<string, string>>;
  maxRetries: number;
  maxRetryWait: number;
}

/** The operation of a method of a path, as the API's description has it. */
type Operation<M extends string, P extends keyof paths> = M extends keyof paths[P] ? paths[P][M] : never;

/** The paths that have a method. */
export type PathsOf<M extends string> = {
  [P in keyof paths]: M extends keyof paths[P] ? (paths[P][M] extends { responses: object } ? P : never) : never;
}[keyof paths];

/** What is sent as JSON. */
export type BodyOf<O> = O extends { requestBody?: { content: { 'application/json': infer B } } } ? B : never;

type Good = 200 | 201 | 202;

/** What comes as JSON. */
export type AnswerOf<O> = O extends { responses: infer R }
  ? { [S in keyof R]: S extends Good ? JsonOf<R[S]> : never }[keyof R]
  : never;
type JsonOf<R> = R extends { content: { 'application/json': infer T } } ? T : never;

export interface Call<B = unknown> {
  /** For the `{…}` of the path. */
  params?: Record<string, string>;
  query?: Record<string, string | number | undefined>;
  body?: B | undefined;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** Goes out without any token: what it says is itself a proof of who is asking. */
  anonymous?: boolean;
}

/** Sends requests: with whatever proves who is asking, again where that is safe. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #base: string;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#base = options.baseUrl.replace(/\/+$/, '');
  }

  get store(): TokenStore | undefined {
    return this.#options.apiKey === undefined ? this.#options.store : undefined;
  }

  /** Sends what the API's description says can be sent there, and gives what it says comes back. */
  async json<M extends 'get' | 'post' | 'put' | 'patch' | 'delete', P extends PathsOf<M>>(
    method: M,
    path: P,
    call: Call<BodyOf<Operation<M, P>>> = {},
  ): Promise<AnswerOf<Operation<M, P>>> {
    const response = await this.send(method, path, call);
    try {
      return (await response.json()) as AnswerOf<Operation<M, P>>;
    } catch (cause) {
      call.signal?.throwIfAborted();
      throw GoldfishError.disconnected(cause);
    }
  }

  /** An answer of success, its body unread. */
  async send(method: string, path: keyof paths, call: Call): Promise<Response> {
    const store = call.anonymous ? undefined : this.store;
    const token = call.anonymous ? undefined : (this.#options.apiKey ?? (await store?.get())?.token);
    let response = await this.#persist(method, path, call, token);
    if (response.status === 401 && store && token !== undefined) {
      const renewed = await this.#renew(store, token, call.signal);
      if (renewed !== undefined) {
        await response.body?.cancel();
        response = await this.#persist(method, path, call, renewed);
      }
    }
    if (!response.ok) throw await GoldfishError.fromResponse(response);
    return response;
  }

  /**
   * Sends, and sends again what asks for nothing but an answer: after 429 and 503, as soon as the
   * backend says, and after a lost connection. A request under an `Idempotency-Key` is sent again
   * only after a lost connection: 503 is the answer that is kept under its key.
   */
  async #persist(method: string, path: string, call: Call, token: string | undefined): Promise<Response> {
    const isSafe = method === 'get';
    const isRepeatable = isSafe || call.headers?.['idempotency-key'] !== undefined;
    for (let retries = 0; ; retries += 1) {
      const isLast = retries >= this.#options.maxRetries;
      try {
        const response = await this.#attempt(method, path, call, token);
        const isBusy = response.status === 429 || response.status === 503;
        const wait = (retryAfter(response) ?? backoff(retries)) * 1000;
        if (!isBusy || !isSafe || isLast || wait > this.#options.maxRetryWait) return response;
        await response.body?.cancel();
        await pause(wait, call.signal);
      } catch (cause) {
        call.signal?.throwIfAborted();
        if (!isRepeatable || isLast) throw GoldfishError.disconnected(cause);
        await pause(backoff(retries) * 1000, call.signal);
      }
    }
  }

  #attempt(method: string, path: string, call: Call, token: string | undefined): Promise<Response> {
    const headers = new Headers(this.#options.headers);
    for (const [name, value] of Object.entries(call.headers ?? {})) headers.set(name, value);
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
    const init: RequestInit = { method: method.toUpperCase(), headers };
    if (call.body !== undefined) {
      headers.set('content-type', 'application/json');
      init.body = JSON.stringify(call.body);
    }
    if (call.signal) init.signal = call.signal;
    if (this.#options.credentials) init.credentials = this.#options.credentials;
    // Not as a method: a browser's `fetch` refuses to be called on anything but the window.
    const { fetch } = this.#options;
    return fetch(this.#url(path, call), init);
  }

  #url(path: string, { params = {}, query = {} }: Call): string {
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
    const given = Object.entries(query).filter((entry) => entry[1] !== undefined);
    const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
    return `${this.#base}${filled}${search && `?${search}`}`;
  }

  /** A token in place of one that was refused; none if there is no way to get one. */
  #renew(store: TokenStore, refused: string, signal: AbortSignal | undefined): Promise<string | undefined> {
    return store.exclusively(async () => {
      const session = await store.get();
      if (session === undefined) return undefined;
      // While this one waited for its turn, somebody else has renewed them.
      if (session.token !== refused) return session.token;
      // Not to be aborted: the answer to a refresh token that was used is the only way on.
      signal?.throwIfAborted();
      const body = { refreshToken: session.refreshToken };
      const response = await this.#persist('post', '/api/v1/auth/refresh', { body }, undefined);
      if (response.status === 401) {
        await response.body?.cancel();
        await store.set(undefined);
        return undefined;
      }
      if (!response.ok) throw await GoldfishError.fromResponse(response);
      const renewed = (await response.json()) as typeof session;
      await store.set(renewed);
      return renewed.token;
    });
  }
}

/** Seconds: twice as long each time, and not the same for all who were turned away together. */
export function backoff(retries: number): number {
  return (0.25 * 2 ** retries * (1 + Math.random())) / 2;
}

/** Waits, unless aborted. */
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
