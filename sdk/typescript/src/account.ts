import type { components } from './schema.js';
import type { Transport } from './transport.js';

type Schemas = components['schemas'];

/** A session of the user, on any device. */
export type AccountSession = Schemas['AuthSession'];
/** A way to sign in: the password, or a linked account elsewhere. */
export type SignInMethod = Schemas['AuthSignInMethod'];
/** What the server is configured for. */
export type SignInOptions = Schemas['AuthSignInOptions'];
export type SocialProvider = Schemas['AuthSocial']['provider'];

/** The account of the user: password, email address, sessions and linked accounts. */
export class Account {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Changes the name or the picture. */
  async update(changes: Schemas['AuthUpdateUser']): Promise<void> {
    await this.#transport.json('post', '/api/auth/update-user', { body: changes });
  }

  async changePassword(currentPassword: string, newPassword: string): Promise<void> {
    await this.#transport.json('post', '/api/auth/change-password', { body: { currentPassword, newPassword } });
  }

  /**
   * Sends an email with a link to choose a new password, if there is an account with the address. The link leads
   * to `redirectTo` with `?token=`, or else to the page of the server.
   */
  async requestPasswordReset(email: string, redirectTo?: string): Promise<void> {
    const body = redirectTo === undefined ? { email } : { email, redirectTo };
    await this.#transport.json('post', '/api/auth/request-password-reset', { body, anonymous: true });
  }

  /** Sets a new password with the token of the email. */
  async resetPassword(token: string, newPassword: string): Promise<void> {
    await this.#transport.json('post', '/api/auth/reset-password', { body: { token, newPassword }, anonymous: true });
  }

  /** Sends an email with a link that confirms the address. */
  async sendVerificationEmail(email: string, callbackURL?: string): Promise<void> {
    const body = callbackURL === undefined ? { email } : { email, callbackURL };
    await this.#transport.json('post', '/api/auth/send-verification-email', { body });
  }

  /** Confirms an email address with the token of the email. */
  async verifyEmail(token: string): Promise<void> {
    await this.#transport.json('get', '/api/auth/verify-email', { query: { token }, anonymous: true });
  }

  sessions(): Promise<AccountSession[]> {
    return this.#transport.json('get', '/api/auth/list-sessions');
  }

  /** Ends a session, by its `token`. */
  async revokeSession(token: string): Promise<void> {
    await this.#transport.json('post', '/api/auth/revoke-session', { body: { token } });
  }

  /** Ends all sessions except this one. */
  async revokeOtherSessions(): Promise<void> {
    await this.#transport.json('post', '/api/auth/revoke-other-sessions');
  }

  /** Ends all sessions, also this one. */
  async revokeAllSessions(): Promise<void> {
    await this.#transport.json('post', '/api/auth/revoke-sessions');
    await this.#transport.store?.set(undefined);
  }

  /** The ways to sign in that the server is configured for; for a page that offers them. */
  signInOptions(): Promise<SignInOptions> {
    return this.#transport.json('get', '/api/auth/sign-in-options', { anonymous: true });
  }

  signInMethods(): Promise<SignInMethod[]> {
    return this.#transport.json('get', '/api/auth/list-accounts');
  }

  /** The URL that the browser has to open to sign in through GitHub or Google. */
  async signInUrl(provider: SocialProvider, callbackURL?: string): Promise<string> {
    const body = callbackURL === undefined ? { provider } : { provider, callbackURL };
    return (await this.#transport.json('post', '/api/auth/sign-in/social', { body, anonymous: true })).url;
  }

  /** The URL that the browser has to open to link an account at GitHub or Google. */
  async linkUrl(provider: SocialProvider, callbackURL?: string): Promise<string> {
    const body = callbackURL === undefined ? { provider } : { provider, callbackURL };
    return (await this.#transport.json('post', '/api/auth/link-social', { body })).url;
  }

  async unlink(providerId: SocialProvider): Promise<void> {
    await this.#transport.json('post', '/api/auth/unlink-account', { body: { providerId } });
  }
}
