import type { AlleatoChats } from './alleato-chats.js';
import type { Auth } from './auth.js';
import { Goldfish, type GoldfishOptions } from './client.js';
import type { Files } from './files.js';
import type { Streams } from './streams.js';

/** The API of a goldfish server in the shapes of alleato. */
export interface Alleato {
  readonly auth: Auth;
  readonly chats: AlleatoChats;
  readonly files: Files;
  readonly streams: Streams;
}

/** A client in the shapes of alleato. */
export function createAlleato(options: GoldfishOptions): Alleato {
  const { auth, alleatoChats: chats, files, streams } = new Goldfish(options);
  return { auth, chats, files, streams };
}

/** What `process` is in Node.js. */
interface Runtime {
  process?: { env?: Record<string, string | undefined> };
}

let current: Alleato | undefined;

/** Which server `alleato` uses. Without this, it is the one in the environment variable `GOLDFISH_URL`, else the page's own. */
export function configureAlleato(options: GoldfishOptions): void {
  current = createAlleato(options);
}

function client(): Alleato {
  const { process } = globalThis as Runtime;
  return (current ??= createAlleato({ baseUrl: process?.env?.['GOLDFISH_URL'] ?? '' }));
}

/** A client for the one server of a program; see `configureAlleato`. */
export const alleato: Alleato = {
  get auth() {
    return client().auth;
  },
  get chats() {
    return client().chats;
  },
  get files() {
    return client().files;
  },
  get streams() {
    return client().streams;
  },
};
