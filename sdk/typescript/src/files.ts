import type { components } from './schema.js';
import { type Content, type Transport } from './transport.js';

type Schemas = components['schemas'];

export type StoredFile = Schemas['File'];
export type FileList = Schemas['FileList'];
export type SignedUrl = Schemas['SignedUrl'];

/** How much of a file was sent. */
export interface Progress {
  /** Bytes that were sent. */
  loaded: number;
  /** Bytes of the file. */
  total: number;
}

export interface UploadOptions {
  /** The name of the file. Default: that of the `File`. */
  name?: string;
  /** Called while the file is sent, and at its end. */
  onProgress?: (progress: Progress) => void;
  /** Aborts the upload; then nothing is stored. */
  signal?: AbortSignal;
}

export interface ContentOptions {
  /** The first byte and the last one, counted from 0. Default: the whole content. */
  range?: readonly [first: number, last: number];
  signal?: AbortSignal;
}

/** Bytes that are passed on at once if progress is reported. */
const STEP = 64 * 1024;

/** Files of the user. */
export class Files {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Uploads a file. It is stored when this resolves; if it rejects, nothing is. An upload that was cut off
   * cannot be resumed: call this again.
   */
  async upload(file: Blob, { name, onProgress, signal }: UploadOptions = {}): Promise<StoredFile> {
    const given = name ?? ('name' in file ? String(file.name) : undefined);
    const headers: Record<string, string> = {};
    if (given !== undefined) headers['x-filename'] = encodeURIComponent(given);
    const content: Content = { type: file.type || 'application/octet-stream', make: () => file };
    const isPage = typeof XMLHttpRequest !== 'undefined';
    if (onProgress && !isPage) content.make = () => counted(file, onProgress);
    const answer = await this.#transport.json('post', '/api/v1/files/upload', {
      content,
      headers,
      signal,
      // Browsers report the progress of an upload to `XMLHttpRequest` only.
      ...(onProgress && isPage && { fetch: reporting(onProgress) }),
    });
    return answer.file;
  }

  /** What is known of a file. */
  async get(id: string): Promise<StoredFile> {
    return (await this.#transport.json('get', '/api/v1/files/{id}', { params: { id } })).file;
  }

  /** The content of a file, unread: call `blob()`, `text()` or `arrayBuffer()`, or read its `body`. */
  async content(id: string, { range, signal }: ContentOptions = {}): Promise<Response> {
    const headers: Record<string, string> = range ? { range: `bytes=${range[0]}-${range[1]}` } : {};
    return this.#transport.send('get', '/api/v1/files/{id}/content', { params: { id }, headers, signal });
  }

  /** A page of the files of the user, oldest first. `cursor` is the `nextCursor` of the page before. */
  async list(query: { limit?: number; cursor?: string } = {}): Promise<FileList> {
    return this.#transport.json('get', '/api/v1/files', { query });
  }

  async delete(id: string): Promise<void> {
    await this.#transport.json('delete', '/api/v1/files/{id}', { params: { id } });
  }

  /** A URL of the content that needs no credential for so many seconds (default: 3,600). */
  async url(id: string, expires?: number): Promise<SignedUrl> {
    return this.#transport.json('get', '/api/v1/files/{id}/url', { params: { id }, query: { expires } });
  }
}

/** The content as a stream that reports what was taken from it. */
export function counted(file: Blob, onProgress: (progress: Progress) => void): ReadableStream<Uint8Array> {
  let loaded = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const bytes = new Uint8Array(await file.slice(loaded, loaded + STEP).arrayBuffer());
      if (bytes.length > 0) controller.enqueue(bytes);
      loaded += bytes.length;
      onProgress({ loaded, total: file.size });
      if (loaded >= file.size) controller.close();
    },
  });
}

/** `fetch` on `XMLHttpRequest`, for one upload. */
export function reporting(onProgress: (progress: Progress) => void): typeof fetch {
  return (input, init = {}) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open(init.method ?? 'GET', String(input));
      request.withCredentials = init.credentials === 'include';
      request.responseType = 'blob';
      new Headers(init.headers).forEach((value, name) => request.setRequestHeader(name, value));
      request.upload.onprogress = ({ loaded, total }) => onProgress({ loaded, total });
      request.onerror = () => reject(new TypeError('Failed to fetch'));
      request.onabort = () => reject(init.signal?.reason);
      request.onload = () => {
        const headers = new Headers();
        for (const line of request.getAllResponseHeaders().trim().split('\r\n')) {
          const [name = '', ...value] = line.split(': ');
          if (name) headers.append(name, value.join(': '));
        }
        resolve(new Response(request.response as Blob, { status: request.status, headers }));
      };
      init.signal?.addEventListener('abort', () => request.abort(), { once: true });
      request.send(init.body as Blob);
    });
}
