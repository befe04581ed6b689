import { Account } from './account.js';
import { Admin } from './admin.js';
import { AlleatoChats } from './alleato-chats.js';
import { Auth } from './auth.js';
import { Chats } from './chats.js';
import { Files } from './files.js';
import { Realtime } from './realtime.js';
import type { components } from './schema.js';
import { memoryStore, type TokenStore } from './store.js';
import { Streams } from './streams.js';
import { Channels, Members, Messages, Threads, Users } from './team.js';
import { type Credentials, Transport } from './transport.js';
import { Uploads } from './uploads.js';

type Schemas = components['schemas'];

export type Model = Schemas['Model'];
export type Preferences = Schemas['Preferences'];
export type PreferencesUpdate = Schemas['PreferencesUpdate'];
export type UsageReport = Schemas['UsageReport'];
export type TransactionPage = Schemas['TransactionPage'];
export type Transaction = TransactionPage['transactions'][number];
export type ApiKey = Schemas['ApiKey'];
export type ApiKeyRequest = Schemas['ApiKeyRequest'];
export type CreatedApiKey = Schemas['CreatedApiKey'];
export type Health = Schemas['Health'];

export interface GoldfishOptions {
  /** The URL of the server, for example `https://chat.example.com`; empty for the origin of the page. */
  baseUrl: string;
  /** An API key (`gf_…`), for programs; no sign-in is needed. */
  apiKey?: string;
  /** The operator's key, for the methods of `admin`. */
  adminKey?: string;
  /** Where the tokens of the session are kept. Default: in memory. */
  store?: TokenStore;
  /**
   * `include`, in a browser: the session is a cookie of the server, which scripts cannot read, and no
   * token is kept. The origin of the page must be that of the server or one of its `cors_origins`.
   */
  credentials?: Credentials;
  /** The function that sends requests. Default: the global `fetch`. */
  fetch?: typeof fetch;
  /** Headers of every request. */
  headers?: Record<string, string>;
  /** Most retries of a request that can be repeated safely. Default: 2. */
  maxRetries?: number;
  /** Longest wait before a retry, in milliseconds. If the server asks for more, there is no retry. Default: 10,000. */
  maxRetryWait?: number;
  /** Milliseconds without data after which the connection of a reply counts as lost. Default: 45,000. The server sends a heartbeat every 15,000. */
  idleTimeout?: number;
}

/** A client of a goldfish server, for one user. */
export class Goldfish {
  readonly auth: Auth;
  readonly account: Account;
  readonly admin: Admin;
  readonly chats: Chats;
  /** Chats in the shapes of alleato, which can be created before their first message. */
  readonly alleatoChats: AlleatoChats;
  readonly files: Files;
  readonly uploads: Uploads;
  readonly streams: Streams;
  readonly models: Models;
  readonly preferences: UserPreferences;
  readonly usage: Usage;
  readonly apiKeys: ApiKeys;
  readonly users: Users;
  readonly channels: Channels;
  readonly members: Members;
  readonly threads: Threads;
  readonly messages: Messages;
  readonly realtime: Realtime;
  readonly #transport: Transport;

  constructor(options: GoldfishOptions) {
    const usesCookie = options.credentials === 'include';
    const transport = new Transport({
      baseUrl: options.baseUrl,
      apiKey: options.apiKey,
      store: usesCookie ? undefined : (options.store ?? memoryStore()),
      credentials: options.credentials,
      fetch: options.fetch ?? ((input, init) => fetch(input, init)),
      headers: options.headers ?? {},
      maxRetries: options.maxRetries ?? 2,
      maxRetryWait: options.maxRetryWait ?? 10_000,
    });
    this.auth = new Auth(transport);
    this.account = new Account(transport);
    this.admin = new Admin(transport, options.adminKey);
    this.chats = new Chats(transport, options.idleTimeout ?? 45_000);
    this.alleatoChats = new AlleatoChats(transport, options.idleTimeout ?? 45_000);
    this.files = new Files(transport);
    this.uploads = new Uploads(transport);
    this.streams = new Streams(transport);
    this.models = new Models(transport);
    this.preferences = new UserPreferences(transport);
    this.usage = new Usage(transport);
    this.apiKeys = new ApiKeys(transport);
    this.users = new Users(transport);
    this.channels = new Channels(transport);
    this.members = new Members(transport);
    this.threads = new Threads(transport);
    this.messages = new Messages(transport);
    this.realtime = new Realtime(transport);
    this.#transport = transport;
  }

  /** Health check. Fails with `status` 503 if the server is not healthy. */
  async health(): Promise<Health> {
    return this.#transport.json('get', '/health', { anonymous: true });
  }
}

export class Models {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** All models; those whose provider is configured are `available`. */
  async list(): Promise<Model[]> {
    return (await this.#transport.json('get', '/api/models')).models;
  }
}

export class UserPreferences {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async get(): Promise<Preferences> {
    return this.#transport.json('get', '/api/preferences');
  }

  /** Changes the fields that are present. */
  async update(changes: PreferencesUpdate): Promise<Preferences> {
    return this.#transport.json('put', '/api/preferences', { body: changes });
  }
}

export class Usage {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Plan, credits and usage by day and model. */
  async get(): Promise<UsageReport> {
    return this.#transport.json('get', '/api/usage');
  }

  /** A page of credit transactions, the latest first. `before` is `next` of the page before. */
  async transactions(query: { before?: string; limit?: number } = {}): Promise<TransactionPage> {
    return this.#transport.json('get', '/api/credits/transactions', { query });
  }

  /** All credit transactions, the latest first. */
  async *allTransactions(): AsyncGenerator<Transaction, void, undefined> {
    let before: string | undefined;
    do {
      const page: TransactionPage = await this.transactions(before === undefined ? {} : { before });
      yield* page.transactions;
      before = page.next ?? undefined;
    } while (before !== undefined);
  }
}

export class ApiKeys {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Creates a key. Only this result contains the key itself. */
  async create(request: ApiKeyRequest): Promise<CreatedApiKey> {
    return this.#transport.json('post', '/api-keys/create', { body: request });
  }

  async list(): Promise<ApiKey[]> {
    return this.#transport.json('get', '/api-keys/list');
  }

  /** Revokes a key. Later requests with it get 401. */
  async revoke(id: string): Promise<void> {
    await this.#transport.json('post', '/api-keys/revoke/{keyId}', { params: { keyId: id } });
  }
}
