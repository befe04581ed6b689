import { Auth } from './auth.js';
import { Chats } from './chats.js';
import type { components } from './schema.js';
import { memoryStore, type TokenStore } from './store.js';
import { Transport } from './transport.js';

type Schemas = components['schemas'];

export type Model = Schemas['Model'];
export type Preferences = Schemas['Preferences'];
export type PreferencesUpdate = Schemas['PreferencesUpdate'];
export type UsageReport = Schemas['UsageReport'];
export type ApiKey = Schemas['ApiKey'];
export type ApiKeyRequest = Schemas['ApiKeyRequest'];
export type CreatedApiKey = Schemas['CreatedApiKey'];
export type Health = Schemas['Health'];

export interface GoldfishOptions {
  /** Where the backend is, for example `https://chat.example.com`; empty for the page's own site. */
  baseUrl: string;
  /** An API key (`gf_…`), for programs; nobody needs to sign in then. */
  apiKey?: string;
  /** Where the tokens of who signs in are kept; in memory, unless one is given. */
  store?: TokenStore;
  /**
   * `include`, in a browser: the session is the backend's cookie, which scripts cannot read, and no
   * token is kept here. The page's origin has to be one of the backend's `cors_origins`, or its own.
   */
  credentials?: RequestCredentials;
  /** What sends requests; the platform's `fetch`, unless one is given. */
  fetch?: typeof fetch;
  /** Sent with every request. */
  headers?: Record<string, string>;
  /** How often a request that may be repeated is sent again; 2. */
  maxRetries?: number;
  /** Longest wait, in milliseconds, that the backend may ask for before a request is sent again; 10,000. */
  maxRetryWait?: number;
  /** Silence, in milliseconds, after which a reply's connection counts as lost; 45,000. The backend gives a sign of life every 15,000. */
  patience?: number;
}

/** A goldfish chat backend, as one user. */
export class Goldfish {
  readonly auth: Auth;
  readonly chats: Chats;
  readonly models: Models;
  readonly preferences: PreferencesOfUser;
  readonly usage: Usage;
  readonly apiKeys: ApiKeys;
  readonly #transport: Transport;

  constructor(options: GoldfishOptions) {
    const isByCookie = options.credentials === 'include';
    const transport = new Transport({
      baseUrl: options.baseUrl,
      apiKey: options.apiKey,
      store: isByCookie ? undefined : (options.store ?? memoryStore()),
      credentials: options.credentials,
      fetch: options.fetch ?? ((input, init) => fetch(input, init)),
      headers: options.headers ?? {},
      maxRetries: options.maxRetries ?? 2,
      maxRetryWait: options.maxRetryWait ?? 10_000,
    });
    this.auth = new Auth(transport);
    this.chats = new Chats(transport, options.patience ?? 45_000);
    this.models = new Models(transport);
    this.preferences = new PreferencesOfUser(transport);
    this.usage = new Usage(transport);
    this.apiKeys = new ApiKeys(transport);
    this.#transport = transport;
  }

  /** Whether the backend can work; fails with `status` 503 where it cannot. */
  async health(): Promise<Health> {
    return this.#transport.json('get', '/health', { anonymous: true });
  }
}

export class Models {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The catalogue; those whose provider is configured are `available`. */
  async list(): Promise<Model[]> {
    return (await this.#transport.json('get', '/api/models')).models;
  }
}

export class PreferencesOfUser {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async get(): Promise<Preferences> {
    return this.#transport.json('get', '/api/preferences');
  }

  /** Changes what is given, and leaves the rest. */
  async update(changes: PreferencesUpdate): Promise<Preferences> {
    return this.#transport.json('put', '/api/preferences', { body: changes });
  }
}

export class Usage {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Plan, credits, and tokens by day and model. */
  async get(): Promise<UsageReport> {
    return this.#transport.json('get', '/api/usage');
  }
}

export class ApiKeys {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** A new key; the answer is the only one that has the key itself. */
  async create(request: ApiKeyRequest): Promise<CreatedApiKey> {
    return this.#transport.json('post', '/api-keys/create', { body: request });
  }

  async list(): Promise<ApiKey[]> {
    return this.#transport.json('get', '/api-keys/list');
  }

  /** From now on the key is refused. */
  async revoke(id: string): Promise<void> {
    await this.#transport.json('post', '/api-keys/revoke/{keyId}', { params: { keyId: id } });
  }
}
