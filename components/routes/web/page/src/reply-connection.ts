// The connection by which a reply is received. It is made again while it is lost.

import { ApiError, networkError, request } from './api';
import { type ReplyPart, replyEvents } from './events';

/** Milliseconds before each new attempt after a broken connection; the last one repeats. */
const RETRY_DELAYS = [300, 1000, 2000, 5000];
/** Attempts in a row without any new part of the reply. */
const MAX_ATTEMPTS = 120;
/** Milliseconds without a byte after which a connection counts as broken; the server sends heartbeats more often. */
const MAX_SILENCE = 20_000;

/** How much of a reply was received: its message id, once known, and the number of its last event. */
export interface Received {
  message: string;
  lastEvent: number;
}

export class ReplyConnection {
  #isClosed = false;
  /** Ends the current connection, so that a new one is made. */
  #current: AbortController | null = null;

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Ends the connection. No other one is made. */
  close(): void {
    this.#isClosed = true;
    this.#current?.abort();
  }

  /** Sends a request. */
  send(send: (signal: AbortSignal) => Promise<Response>): Promise<Response> {
    return send(this.#open());
  }

  /** Sends a request that may be repeated, again and again while the server cannot be reached. */
  async sendRepeatedly(send: (signal: AbortSignal) => Promise<Response>, onLost: () => void): Promise<Response> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.send(send);
      } catch (thrown) {
        const delay = RETRY_DELAYS[attempt];
        const isLost = thrown instanceof ApiError && thrown.status === 0;
        if (!isLost || !navigator.onLine || delay === undefined) throw thrown;
        onLost();
        await pause(delay);
        if (this.#isClosed) throw thrown;
      }
    }
  }

  /** Reads the events of a response. False if they end before the reply does. */
  async read(response: Response, onPart: (part: ReplyPart) => void): Promise<boolean> {
    const connection = this.#current;
    const close = () => connection?.abort();
    let silence = setTimeout(close, MAX_SILENCE);
    const onBytes = () => {
      clearTimeout(silence);
      silence = setTimeout(close, MAX_SILENCE);
    };
    try {
      for await (const event of replyEvents(response, onBytes)) {
        if (event.kind === 'done') return true;
        onPart(event);
      }
    } finally {
      clearTimeout(silence);
    }
    return false;
  }

  /**
   * Requests the rest of a reply until `read` has read its end, and throws if that cannot succeed. `onAttempt` is
   * called before each attempt with its number, from 0 on.
   */
  async resume(
    conversation: string | null,
    received: () => Received,
    onAttempt: (attempt: number) => void,
    read: (response: Response) => Promise<boolean>,
  ): Promise<void> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS && !this.#isClosed; attempt += 1) {
      onAttempt(attempt);
      if (attempt > 0) await pause(RETRY_DELAYS[Math.min(attempt, RETRY_DELAYS.length) - 1] ?? 0);
      const before = received().lastEvent;
      try {
        const response = await this.#requestRest(conversation, received());
        // 204: the reply has ended, and nothing of it is missing.
        if (response.status === 204 || (await read(response))) return;
      } catch (thrown) {
        const { status } = thrown as ApiError;
        if (status >= 400 && status < 500 && status !== 429) throw thrown;
      }
      if (received().lastEvent > before) attempt = 0;
    }
    throw networkError();
  }

  #requestRest(conversation: string | null, { message, lastEvent }: Received): Promise<Response> {
    const query = message ? `?messageId=${encodeURIComponent(message)}` : '';
    const headers: Record<string, string> = lastEvent > 0 ? { 'last-event-id': String(lastEvent) } : {};
    const signal = this.#open();
    const silence = setTimeout(() => this.#current?.abort(), MAX_SILENCE);
    const path = `/api/conversations/${conversation}/stream${query}`;
    return request('GET', path, { headers, signal }).finally(() => clearTimeout(silence));
  }

  /** The signal of a new connection. The previous one is closed. */
  #open(): AbortSignal {
    this.#current?.abort();
    const connection = new AbortController();
    // The browser notices a lost network before the connection does.
    addEventListener('offline', () => connection.abort(), { once: true, signal: connection.signal });
    this.#current = connection;
    return connection.signal;
  }
}

/** Ends after that time; without a network, when it is back. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener('online', end);
      resolve();
    };
    const timer = setTimeout(() => navigator.onLine && end(), milliseconds);
    addEventListener('online', end);
  });
}
