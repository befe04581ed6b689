// Signing in, and staying so.
import { Goldfish, type Locks, type Session, memoryStore, storageStore } from 'goldfish-sdk';

import { caught, counting, guest } from './tools.js';

const PASSWORD = 'Vortex-lantern-83-mosaic';
const REFRESH = 'POST /api/v1/auth/refresh';

/** A session whose access token is refused. */
function worn(session: Session): Session {
  return { ...session, token: `${session.token.slice(0, -3)}AAA` };
}

/** Requests at once, all refused: one of them renews the tokens for all. */
export async function parallel(base: string) {
  const counts: Record<string, number> = {};
  const store = memoryStore();
  const goldfish = await guest(base, { store, fetch: counting(counts) });
  const before = await store.get();
  if (!before) throw new Error('Nobody is signed in');
  await store.set(worn(before));
  const reply = goldfish.chats.sendMessage({ message: 'Hi' }).then((reply) => reply.finalText());
  const lists = Array.from({ length: 8 }, () => goldfish.models.list());
  const models = await Promise.all(lists);
  const after = await goldfish.auth.session();
  return {
    said: (await reply).length > 0,
    answered: models.filter((list) => list.length > 0).length,
    refreshes: counts[REFRESH],
    isSameUser: before.user.id === after?.user.id,
    isNewToken: before.refreshToken !== after?.refreshToken,
  };
}

/** What two tabs of a browser share. */
function sharedStorage() {
  const entries = new Map<string, string>();
  const storage = {
    getItem: (key: string) => entries.get(key) ?? null,
    setItem: (key: string, value: string) => void entries.set(key, value),
    removeItem: (key: string) => void entries.delete(key),
  };
  let last: Promise<unknown> = Promise.resolve();
  const locks: Locks = {
    request: (_, work) => {
      const next = last.then(work);
      last = next.catch(() => undefined);
      return next;
    },
  };
  return { entries, tab: () => storageStore({ storage, locks }) };
}

/** Two clients with one storage between them do not end their session by renewing it at once. */
export async function twoTabs(base: string) {
  const counts: Record<string, number> = {};
  const { entries, tab } = sharedStorage();
  const options = () => ({ baseUrl: base, store: tab(), fetch: counting(counts) });
  const [here, there] = [new Goldfish(options()), new Goldfish(options())];
  const session = await here.auth.guest();
  entries.set('goldfish-session', JSON.stringify(worn(session)));
  const users = await Promise.all([here, there, here, there].map((tab) => tab.auth.me()));
  await there.auth.logout();
  const isOut = (await here.auth.session()) === undefined && entries.size === 0;
  entries.set('goldfish-session', '{"half":');
  return {
    areSame: users.every((user) => user.id === session.user.id),
    refreshes: counts[REFRESH],
    isOut,
    nonsense: (await here.auth.session()) ?? null,
    refused: await caught(here.auth.me()),
  };
}

/** A session that was ended elsewhere is forgotten here. */
export async function revoked(base: string) {
  const goldfish = await guest(base);
  const session = await goldfish.auth.session();
  await new Goldfish({ baseUrl: base, store: memoryStore(session) }).auth.logout();
  const refused = await caught(goldfish.chats.list());
  const left = (await goldfish.auth.session()) ?? null;
  return { refused, left, farewell: await goldfish.auth.logout() };
}

/** A guest registers and keeps what there is; also one whose access token has ended in between. */
export async function guestBecomesUser(base: string, email: string) {
  const store = memoryStore();
  const goldfish = await guest(base, { store });
  const first = await goldfish.auth.session();
  await (await goldfish.chats.sendMessage({ message: 'Remember me.' })).finalText();
  if (first) await store.set(worn(first));
  const registered = await goldfish.auth.register(email, PASSWORD, { name: 'Ada' });
  const kept = (await goldfish.chats.history()).map((conversation) => conversation.title);
  await goldfish.auth.logout();
  const counts: Record<string, number> = {};
  const again = new Goldfish({ baseUrl: base, fetch: counting(counts) });
  const session = await again.auth.login(email, PASSWORD);
  // A wrong password is no reason to renew a session, or to be tried twice.
  const wrong = await caught(again.auth.login(email, 'something else'));
  return {
    registered: 'user' in registered && registered.user.id === first?.user.id,
    kept,
    session: { name: session.user.name, kind: session.user.kind },
    me: (await again.auth.me()).email,
    wrong,
    taken: await caught(new Goldfish({ baseUrl: base }).auth.register(email, PASSWORD)),
    counts: { ...counts },
    unconfirmed: await caught(again.auth.deleteAccount('something else')),
    deleted: await caught(again.auth.deleteAccount(PASSWORD)),
    left: (await again.auth.session()) ?? null,
    gone: await caught(again.auth.login(email, PASSWORD)),
  };
}

/** As a browser does it: the session is a cookie, and no token is kept or sent. */
export async function cookies(base: string) {
  let jar = '';
  const modes = new Set<RequestCredentials | undefined>();
  let tokens = 0;
  const browser: typeof fetch = async (input, init) => {
    modes.add(init?.credentials);
    const headers = new Headers(init?.headers);
    if (headers.has('authorization')) tokens += 1;
    headers.set('cookie', jar);
    headers.set('origin', base);
    const response = await fetch(input, { ...init, headers });
    for (const cookie of response.headers.getSetCookie()) jar = cookie.split(';')[0] ?? '';
    return response;
  };
  const goldfish = new Goldfish({ baseUrl: base, credentials: 'include', fetch: browser });
  const { user } = await goldfish.auth.guest();
  const text = await (await goldfish.chats.sendMessage({ message: 'Hi' })).finalText();
  const me = await goldfish.auth.me();
  const kept = (await goldfish.auth.session()) ?? null;
  await goldfish.auth.logout();
  return {
    isSame: user.id === me.id,
    said: text.length > 0,
    kept,
    tokens,
    modes: [...modes],
    out: await caught(goldfish.auth.me()),
  };
}
