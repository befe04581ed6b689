import type { components } from './schema.js';

/** A session: the user and the tokens. */
export type Session = components['schemas']['Session'];

/** Where tokens are kept. Several clients, also in several tabs, may share the same tokens. */
export interface TokenStore {
  get(): Session | undefined | Promise<Session | undefined>;
  /** Stores a session; `undefined` removes it. */
  set(session: Session | undefined): void | Promise<void>;
  /**
   * Runs `work` while no other client that shares these tokens runs any. A refresh token can be used once:
   * two clients that use the same one would end the session.
   */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
}

/** Keeps tokens in memory. */
export function memoryStore(session?: Session): TokenStore {
  let stored = session;
  return {
    get: () => stored,
    set: (session) => {
      stored = session;
    },
    exclusively: queue(),
  };
}

/** The part of the Web Storage API that is used. */
export interface KeyValueStorage {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem(name: string): void;
}

/** The part of the Web Locks API that is used. */
export interface Locks {
  request<T>(name: string, work: () => Promise<T>): Promise<T>;
}

export interface StorageOptions {
  /** The key in the storage, and the name of the lock. */
  key?: string;
  /** Default: `localStorage`. */
  storage?: KeyValueStorage;
  /** Default: `navigator.locks`. Without locks, tabs do not wait for each other. */
  locks?: Locks;
}

/**
 * Keeps tokens in `localStorage`, shared by all tabs of a site. Every script on the site can read them:
 * prefer the cookie (`credentials: 'include'`) if the server allows the origin of the page.
 */
export function storageStore(options: StorageOptions = {}): TokenStore {
  const key = options.key ?? 'goldfish-session';
  const storage = options.storage ?? localStorage;
  const locks: Locks | undefined = options.locks ?? globalThis.navigator?.locks;
  return {
    get: () => parse(storage.getItem(key)),
    set: (session) => {
      if (session) storage.setItem(key, JSON.stringify(session));
      else storage.removeItem(key);
    },
    exclusively: locks ? (work) => locks.request(key, work) : queue(),
  };
}

/** Other scripts may write to the storage, so the value may be anything. */
function parse(text: string | null): Session | undefined {
  if (text === null) return undefined;
  try {
    const value: Partial<Session> | null = JSON.parse(text);
    const isSession = typeof value?.token === 'string' && typeof value.refreshToken === 'string';
    return isSession ? (value as Session) : undefined;
  } catch {
    return undefined;
  }
}

/** Runs one task after the other, within one program. */
function queue(): TokenStore['exclusively'] {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  };
}
