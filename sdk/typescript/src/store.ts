import type { components } from './schema.js';

/** Who is signed in, with the tokens that prove it. */
export type Session = components['schemas']['Session'];

/** Where tokens are kept. Several clients, also in several tabs, may share what is behind it. */
export interface TokenStore {
  get(): Session | undefined | Promise<Session | undefined>;
  /** Keeps a session, or forgets the one there is. */
  set(session: Session | undefined): void | Promise<void>;
  /**
   * Does some work while nobody else who shares these tokens does any. A refresh token works once:
   * two clients that both present the same one would end their session.
   */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
}

/** Keeps tokens for as long as the program runs. */
export function memoryStore(session?: Session): TokenStore {
  let kept = session;
  return {
    get: () => kept,
    set: (session) => {
      kept = session;
    },
    exclusively: queue(),
  };
}

/** What of the Web Storage API is needed. */
export type KeyValueStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** What of the Web Locks API is needed. */
export interface Locks {
  request<T>(name: string, work: () => Promise<T>): Promise<T>;
}

export interface StorageOptions {
  /** The key of the entry; also the name of the lock. */
  key?: string;
  /** `localStorage`, unless something like it is given. */
  storage?: KeyValueStorage;
  /** `navigator.locks`, unless something like it is given; without any, tabs do not wait for each other. */
  locks?: Locks;
}

/**
 * Keeps tokens in `localStorage`, shared by all tabs of a site. Any script that runs on the site can
 * read them there; a frontend on the backend's own site is better off with the cookie
 * (`credentials: 'include'`).
 */
export function storageStore(options: StorageOptions = {}): TokenStore {
  const key = options.key ?? 'goldfish-session';
  const storage = options.storage ?? localStorage;
  const locks: Locks | undefined = options.locks ?? globalThis.navigator?.locks;
  return {
    get: () => parsed(storage.getItem(key)),
    set: (session) => {
      if (session) storage.setItem(key, JSON.stringify(session));
      else storage.removeItem(key);
    },
    exclusively: locks ? (work) => locks.request(key, work) : queue(),
  };
}

/** Others may write to the storage, so that what is there need not be a session. */
function parsed(text: string | null): Session | undefined {
  if (text === null) return undefined;
  try {
    const value: Partial<Session> | null = JSON.parse(text);
    const isSession = typeof value?.token === 'string' && typeof value.refreshToken === 'string';
    return isSession ? (value as Session) : undefined;
  } catch {
    return undefined;
  }
}

/** One after the other, within one program. */
function queue(): TokenStore['exclusively'] {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  };
}
