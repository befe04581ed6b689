import { GoldfishError } from './error.js';
import type { components } from './schema.js';
import type { Session } from './store.js';
import type { Transport } from './transport.js';

type Schemas = components['schemas'];

export type User = Schemas['User'];
/** Where addresses have to be confirmed: nobody is signed in yet. */
export type Pending = Schemas['Pending'];
export type Farewell = Schemas['Farewell'];

export interface RegisterOptions {
  name?: string;
}

/** Who is asking. Whoever signs in is kept in the client's store, and every later request is theirs. */
export class Auth {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Somebody without an account. One who registers later keeps what there is. */
  async guest(): Promise<Session> {
    return this.#keep(await this.#transport.json('post', '/api/v1/auth/guest', { anonymous: true }));
  }

  /** Makes an account, out of the guest who is signed in, if there is one. */
  async register(email: string, password: string, options: RegisterOptions = {}): Promise<Session | Pending> {
    // A guest whose access token has ended would be taken for nobody: it is renewed first.
    if (await this.session()) await this.me().catch(ended);
    const body = { email, password, ...options };
    const answer = await this.#transport.json('post', '/api/v1/auth/register', { body });
    return 'token' in answer ? this.#keep(answer) : answer;
  }

  async login(email: string, password: string): Promise<Session> {
    const body = { email, password };
    return this.#keep(await this.#transport.json('post', '/api/v1/auth/login', { body, anonymous: true }));
  }

  /** Ends the session, here and at the backend. */
  async logout(): Promise<Farewell> {
    const { store } = this.#transport;
    if (!store) return this.#transport.json('post', '/api/v1/auth/logout');
    // In turn with whoever is renewing the tokens, so that these are the ones that count.
    return store.exclusively(async () => {
      const session = await store.get();
      if (!session) return { success: true };
      const body = { refreshToken: session.refreshToken };
      const call = { body, anonymous: true };
      const farewell = await this.#transport.json('post', '/api/v1/auth/logout', call).catch(ended);
      await store.set(undefined);
      return farewell ?? { success: true };
    });
  }

  /** Who is signed in, as the backend sees it. */
  async me(): Promise<User> {
    return (await this.#transport.json('get', '/api/v1/auth/me')).user;
  }

  /**
   * Ends the account and forgets all that there is of the user. An account with a password needs that, or
   * a session of the last 24 hours.
   */
  async deleteAccount(password?: string): Promise<void> {
    const body = password === undefined ? {} : { password };
    await this.#transport.json('delete', '/api/v1/auth/me', { body });
    await this.#transport.store?.set(undefined);
  }

  /** The session there is, without asking the backend. */
  async session(): Promise<Session | undefined> {
    return this.#transport.store?.get();
  }

  async #keep(session: Session): Promise<Session> {
    await this.#transport.store?.set(session);
    return session;
  }
}

/** That a session had ended before is no failure. */
function ended(error: unknown): undefined {
  if (!(error instanceof GoldfishError) || error.status !== 401) throw error;
}
