import type { components } from './schema.js';
import type { Transport } from './transport.js';

type Schemas = components['schemas'];

export type AdminUser = Schemas['AdminUser'];
export type AdminUserPage = Schemas['AdminUserPage'];
export type AdminExport = Schemas['AdminExport'];
export type AdminCredits = Schemas['AdminCredits'];
export type AdminRevoked = Schemas['AdminRevoked'];
export type PlanRequest = Schemas['PlanRequest'];
export type GrantRequest = Schemas['GrantRequest'];
export type Statistics = Schemas['Statistics'];

export interface AdminUserFilter {
  /** Words in the name or the email address. */
  search?: string | undefined;
  /** The user with this email address. */
  email?: string | undefined;
  /** `nextCursor` of the previous page. */
  cursor?: string | undefined;
  limit?: number | undefined;
}

/** Administration of users, for the operator: `new Goldfish({ baseUrl, adminKey })`. */
export class Admin {
  readonly #transport: Transport;
  readonly #headers: Record<string, string>;

  constructor(transport: Transport, key: string | undefined) {
    this.#transport = transport;
    this.#headers = key === undefined ? {} : { 'x-admin-key': key };
  }

  /** A page of users. */
  users(filter: AdminUserFilter = {}): Promise<AdminUserPage> {
    return this.#transport.json('get', '/api/admin/users', { query: { ...filter }, ...this.#operator() });
  }

  user(id: string): Promise<AdminUser> {
    return this.#transport.json('get', '/api/admin/users/{id}', this.#of(id));
  }

  /** Deletes a user and everything that is stored of them. */
  async deleteUser(id: string): Promise<void> {
    await this.#transport.json('delete', '/api/admin/users/{id}', this.#of(id));
  }

  /** Everything that is stored of a user. */
  exportUser(id: string): Promise<AdminExport> {
    return this.#transport.json('get', '/api/admin/users/{id}/export', this.#of(id));
  }

  setPlan(id: string, body: PlanRequest): Promise<AdminCredits> {
    return this.#transport.json('put', '/api/admin/users/{id}/plan', { ...this.#of(id), body });
  }

  grantCredits(id: string, body: GrantRequest): Promise<AdminCredits> {
    return this.#transport.json('post', '/api/admin/users/{id}/credits', { ...this.#of(id), body });
  }

  revokeSessions(id: string): Promise<AdminRevoked> {
    return this.#transport.json('post', '/api/admin/users/{id}/revoke-sessions', this.#of(id));
  }

  revokeKeys(id: string): Promise<AdminRevoked> {
    return this.#transport.json('post', '/api/admin/users/{id}/revoke-keys', this.#of(id));
  }

  statistics(): Promise<Statistics> {
    return this.#transport.json('get', '/api/admin/statistics', this.#operator());
  }

  #operator() {
    return { headers: this.#headers, anonymous: true };
  }

  #of(id: string) {
    return { params: { id }, ...this.#operator() };
  }
}
