import { GoldfishError } from './error.js';
import type { components } from './schema.js';
import type { Session } from './store.js';
import type { Transport } from './transport.js';

type Schemas = components['schemas'];

export type User = Schemas['User'];
/** The email address must be confirmed first; nobody is signed in yet. */
export type Pending = Schemas['Pending'];
export type Farewell = Schemas['Farewell'];

export interface RegisterOptions {
  name?: string;
}

/** Sign-in. The session is kept in the store of the client and is used for all later requests. */
export class Auth {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Creates a guest: a user without an account. A guest that registers later keeps everything. */
  async guest(): Promise<Session> {
    return this.#keep(await this.#transport.json('post', '/api/v1/auth/guest', { anonymous: true }));
  }

  /** Registers an account. A guest that is signed in becomes the account. */
  async register(email: string, password: string, options: RegisterOptions = {}): Promise<Session | Pending> {
    // With an expired access token the guest would not be recognised: this request refreshes it.
    if (await this.session()) await this.me().catch(ignoreUnauthorized);
    const body = { email, password, ...options };
    const result = await this.#transport.json('post', '/api/v1/auth/register', { body });
    return 'token' in result ? this.#keep(result) : result;
  }

  async login(email: string, password: string): Promise<Session> {
    const body = { email, password };
    return this.#keep(await this.#transport.json('post', '/api/v1/auth/login', { body, anonymous: true }));
  }

  /** Ends the session on the server and removes its tokens. */
  async logout(): Promise<Farewell> {
    const { store } = this.#transport;
    if (!store) return this.#transport.json('post', '/api/v1/auth/logout');
    // Not while the tokens are being refreshed, so that these are the current ones.
    return store.exclusively(async () => {
      const session = await store.get();
      if (!session) return { success: true };
      const body = { refreshToken: session.refreshToken };
      const options = { body, anonymous: true };
      const farewell = await this.#transport.json('post', '/api/v1/auth/logout', options).catch(ignoreUnauthorized);
      await store.set(undefined);
      return farewell ?? { success: true };
    });
  }

  /** The current user. */
  async me(): Promise<User> {
    return (await this.#transport.json('get', '/api/v1/auth/me')).user;
  }

  /**
   * Deletes the account and all data of the user. If the account has a password, it is required unless
   * the session began in the last 24 hours.
   */
  async deleteAccount(password?: string): Promise<void> {
    const body = password === undefined ? {} : { password };
    await this.#transport.json('delete', '/api/v1/auth/me', { body });
    await this.#transport.store?.set(undefined);
  }

  /** The stored session, without a request. */
  async session(): Promise<Session | undefined> {
    return this.#transport.store?.get();
  }

  async #keep(session: Session): Promise<Session> {
    await this.#transport.store?.set(session);
    return session;
  }
}

/** 401 means that the session had ended already. */
function ignoreUnauthorized(error: unknown): undefined {
  if (!(error instanceof GoldfishError) || error.status !== 401) throw error;
}
