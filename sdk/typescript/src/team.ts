import type { components } from './schema.js';
import type { Transport } from './transport.js';

type Schemas = components['schemas'];

export type UserWithProfile = Schemas['UserWithProfile'];
export type UpdateUserRequest = Schemas['UpdateUserRequest'];
export type UserDeletion = Schemas['UserDeletion'];
export type Channel = Schemas['Channel'];
export type ChannelPage = Schemas['ChannelPage'];
export type CreateChannelRequest = Schemas['CreateChannelRequest'];
export type UpdateChannelRequest = Schemas['UpdateChannelRequest'];
export type JoinedChannel = Schemas['JoinedChannel'];
export type ChannelMember = Schemas['ChannelMember'];
export type ChannelRole = Schemas['ChannelRole'];
export type ChannelBan = Schemas['ChannelBan'];
export type Invitation = Schemas['Invitation'];
export type CreatedInvitation = Schemas['CreatedInvitation'];
export type CreateInvitationRequest = Schemas['CreateInvitationRequest'];
export type Thread = Schemas['Thread'];
export type CreateThreadRequest = Schemas['CreateThreadRequest'];
export type UpdateThreadRequest = Schemas['UpdateThreadRequest'];
export type ReadState = Schemas['ReadState'];
export type MessageWithSender = Schemas['MessageWithSender'];
export type MessageAttachment = Schemas['MessageAttachment'];
export type CreateMessageRequest = Schemas['CreateMessageRequest'];
export type PreviousText = Schemas['PreviousText'];

export interface PageOptions {
  /** `next` of the previous page. */
  cursor?: string | undefined;
  /** Number of items in a page, 1 to 100. */
  limit?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** A part of a list. */
export interface Page<T> {
  items: T[];
  /** The cursor of the next page; `undefined` at the end. */
  next: string | undefined;
}

/** All items of a list, page by page as they are needed. */
async function* itemsOf<T>(pageAt: (cursor: string | undefined) => Promise<Page<T>>): AsyncGenerator<T, void, undefined> {
  let cursor: string | undefined;
  do {
    const page = await pageAt(cursor);
    yield* page.items;
    cursor = page.next;
  } while (cursor !== undefined);
}

/** Requests a page of a list whose response is an array. */
async function pageOf<T>(request: Promise<{ items: T[]; link: (rel: string) => URLSearchParams | undefined }>): Promise<Page<T>> {
  const { items, link } = await request;
  return { items, next: link('next')?.get('cursor') ?? undefined };
}

export interface UserFilter {
  /** Words; each begins a word of the name or the display name. */
  search?: string | undefined;
}

/** Users as others see them. */
export class Users {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** A page of users, the newest first. */
  list({ signal, ...query }: UserFilter & PageOptions = {}): Promise<Page<UserWithProfile>> {
    return pageOf(this.#transport.page('/api/users', { query, signal }));
  }

  /** All users. */
  all(options: UserFilter & Omit<PageOptions, 'cursor'> = {}): AsyncGenerator<UserWithProfile, void, undefined> {
    return itemsOf((cursor) => this.list({ ...options, cursor }));
  }

  get(id: string): Promise<UserWithProfile> {
    return this.#transport.json('get', '/api/users/{id}', { params: { id } });
  }

  /** Changes one's own profile: the fields that are present; `null` clears one. */
  update(id: string, changes: UpdateUserRequest): Promise<UserWithProfile> {
    return this.#transport.json('patch', '/api/users/{id}', { params: { id }, body: changes });
  }

  /** Deletes one's own account. Messages stay, without a sender, unless they are to be deleted too. */
  delete(id: string, options: { password?: string; messages?: 'keep' | 'delete' } = {}): Promise<UserDeletion> {
    const { password, messages } = options;
    const body = password === undefined ? undefined : { password };
    return this.#transport.json('delete', '/api/users/{id}', { params: { id }, query: { messages }, body });
  }
}

export interface ChannelFilter {
  category?: string | undefined;
  /** Words; each begins a word of the name or the description. */
  search?: string | undefined;
  /** Only channels that the user is a member of. */
  joined?: boolean | undefined;
}

/** Team channels. */
export class Channels {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** A page of channels, the newest first, by its number (from 1) or a cursor. */
  list({ signal, ...query }: ChannelFilter & PageOptions & { page?: number } = {}): Promise<ChannelPage> {
    return this.#transport.json('get', '/api/channels', { query: { ...query }, signal });
  }

  /** All channels that the user sees. */
  all(options: ChannelFilter & Omit<PageOptions, 'cursor'> = {}): AsyncGenerator<Channel, void, undefined> {
    return itemsOf(async (cursor) => {
      const { data, meta } = await this.list({ limit: 100, ...options, cursor });
      return { items: data, next: meta.nextCursor ?? undefined };
    });
  }

  get(id: string): Promise<Channel> {
    return this.#transport.json('get', '/api/channels/{id}', { params: { id } });
  }

  /** Creates a channel, whose owner the user becomes. */
  create(channel: CreateChannelRequest): Promise<Channel> {
    return this.#transport.json('post', '/api/channels', { body: channel });
  }

  /** Changes the fields that are present; `null` clears one. */
  update(id: string, changes: UpdateChannelRequest): Promise<Channel> {
    return this.#transport.json('patch', '/api/channels/{id}', { params: { id }, body: changes });
  }

  /** Deletes a channel with its threads and messages. */
  async delete(id: string): Promise<void> {
    await this.#transport.json('delete', '/api/channels/{id}', { params: { id } });
  }
}

export interface MemberOptions extends PageOptions {
  presence?: boolean;
}

/** Members of channels, their roles, invitations and bans. */
export class Members {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** A page of the user's channels, with what they have not read. */
  joined({ signal, ...query }: PageOptions = {}): Promise<Page<JoinedChannel>> {
    return pageOf(this.#transport.page('/api/members/joined', { query, signal }));
  }

  /** All of the user's channels. */
  allJoined(options: Omit<PageOptions, 'cursor'> = {}): AsyncGenerator<JoinedChannel, void, undefined> {
    return itemsOf((cursor) => this.joined({ ...options, cursor }));
  }

  /** A page of the members of a channel; who joined first comes first. With `presence`, with who is online. */
  list(channelId: string, { signal, ...query }: MemberOptions = {}): Promise<Page<ChannelMember>> {
    return pageOf(this.#transport.page('/api/members/{channelId}', { params: { channelId }, query, signal }));
  }

  /** All members of a channel. */
  all(channelId: string, options: Omit<MemberOptions, 'cursor'> = {}): AsyncGenerator<ChannelMember, void, undefined> {
    return itemsOf((cursor) => this.list(channelId, { ...options, cursor }));
  }

  /** Joins a public channel. Joining again changes nothing. */
  join(channelId: string): Promise<ChannelMember> {
    return this.#transport.json('post', '/api/members', { body: { channelId } });
  }

  /** Adds another user; admins may. */
  add(channelId: string, userId: string): Promise<ChannelMember> {
    return this.#transport.json('post', '/api/members', { body: { channelId, userId } });
  }

  async leave(channelId: string): Promise<void> {
    await this.#transport.json('delete', '/api/members/{channelId}', { params: { channelId } });
  }

  async role(channelId: string, userId: string): Promise<ChannelRole> {
    const params = { channelId, userId };
    return (await this.#transport.json('get', '/api/members/{channelId}/role/{userId}', { params })).role;
  }

  setRole(channelId: string, userId: string, role: ChannelRole): Promise<ChannelMember> {
    const params = { channelId, userId };
    return this.#transport.json('patch', '/api/members/{channelId}/{userId}/role', { params, body: { role } });
  }

  /** Removes a member, who can join again. */
  async remove(channelId: string, userId: string): Promise<void> {
    await this.#transport.json('delete', '/api/members/{channelId}/{userId}', { params: { channelId, userId } });
  }

  /** Makes another member the owner. */
  transfer(channelId: string, userId: string): Promise<Channel> {
    return this.#transport.json('post', '/api/members/{channelId}/transfer', { params: { channelId }, body: { userId } });
  }

  /** Removes a user and refuses a new membership until `unban`. */
  ban(channelId: string, userId: string, reason?: string): Promise<ChannelBan> {
    const params = { channelId, userId };
    const body = reason === undefined ? {} : { reason };
    return this.#transport.json('put', '/api/members/{channelId}/bans/{userId}', { params, body });
  }

  async unban(channelId: string, userId: string): Promise<void> {
    await this.#transport.json('delete', '/api/members/{channelId}/bans/{userId}', { params: { channelId, userId } });
  }

  /** A page of the bans of a channel. */
  bans(channelId: string, { signal, ...query }: PageOptions = {}): Promise<Page<ChannelBan>> {
    return pageOf(this.#transport.page('/api/members/{channelId}/bans', { params: { channelId }, query, signal }));
  }

  /** Creates an invitation. Only this result contains its token. */
  invite(channelId: string, invitation: CreateInvitationRequest = {}): Promise<CreatedInvitation> {
    return this.#transport.json('post', '/api/members/{channelId}/invitations', { params: { channelId }, body: invitation });
  }

  /** A page of the invitations of a channel, the newest first. */
  invitations(channelId: string, { signal, ...query }: PageOptions = {}): Promise<Page<Invitation>> {
    return pageOf(this.#transport.page('/api/members/{channelId}/invitations', { params: { channelId }, query, signal }));
  }

  async revokeInvitation(channelId: string, id: string): Promise<void> {
    await this.#transport.json('delete', '/api/members/{channelId}/invitations/{id}', { params: { channelId, id } });
  }

  /** The channel that an invitation leads to. */
  inspectInvitation(token: string): Promise<Channel> {
    return this.#transport.json('get', '/api/members/invitations/{token}', { params: { token } });
  }

  /** Joins through an invitation. */
  acceptInvitation(token: string): Promise<ChannelMember> {
    return this.#transport.json('post', '/api/members/invitations/{token}', { params: { token } });
  }
}

/** Threads of channels. */
export class Threads {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** A page of the threads of a channel, the newest first; with `active`, without archived ones. */
  list(channelId: string, { active, signal, ...query }: PageOptions & { active?: boolean } = {}): Promise<Page<Thread>> {
    const path = active ? '/api/threads/channel/{channelId}/active' : '/api/threads/channel/{channelId}';
    return pageOf(this.#transport.page(path, { params: { channelId }, query, signal }));
  }

  /** All threads of a channel. */
  all(channelId: string, options: Omit<PageOptions, 'cursor'> & { active?: boolean } = {}): AsyncGenerator<Thread, void, undefined> {
    return itemsOf((cursor) => this.list(channelId, { ...options, cursor }));
  }

  get(id: string): Promise<Thread> {
    return this.#transport.json('get', '/api/threads/{id}', { params: { id } });
  }

  create(thread: CreateThreadRequest): Promise<Thread> {
    return this.#transport.json('post', '/api/threads', { body: thread });
  }

  update(id: string, changes: UpdateThreadRequest): Promise<Thread> {
    return this.#transport.json('patch', '/api/threads/{id}', { params: { id }, body: changes });
  }

  archive(id: string): Promise<Thread> {
    return this.#transport.json('post', '/api/threads/{id}/archive', { params: { id } });
  }

  unarchive(id: string): Promise<Thread> {
    return this.#transport.json('post', '/api/threads/{id}/unarchive', { params: { id } });
  }

  /** Records that the user has read up to the message with this number. */
  markRead(id: string, number: number): Promise<ReadState> {
    return this.#transport.json('put', '/api/threads/{id}/read', { params: { id }, body: { number } });
  }

  /** Deletes a thread with its messages. */
  async delete(id: string): Promise<void> {
    await this.#transport.json('delete', '/api/threads/{id}', { params: { id } });
  }
}

/** Which messages of a thread are requested: the newest ones, or those at one of these positions. */
export interface HistoryOptions {
  /** Those with lower numbers, the nearest ones. */
  before?: number | undefined;
  /** Those with higher numbers, the nearest ones. */
  after?: number | undefined;
  /** The message with this number and as many on both sides. */
  around?: number | undefined;
  /** Leaves out so many of the newest messages. */
  offset?: number | undefined;
  /** 1 to 100; default 50. */
  limit?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** A part of a thread. */
export interface History {
  /** The oldest first. */
  items: MessageWithSender[];
  /** For `before`: there are older messages. */
  older: number | undefined;
  /** For `after`: there are newer messages. */
  newer: number | undefined;
}

export interface SearchOptions extends PageOptions {
  channelId?: string | undefined;
  threadId?: string | undefined;
}

/** Messages of threads. */
export class Messages {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Posts a message. A lost connection is retried; the message is posted once. */
  post(message: CreateMessageRequest): Promise<MessageWithSender> {
    const key = message.clientId ?? crypto.randomUUID();
    return this.#transport.json('post', '/api/messages', { body: message, headers: { 'idempotency-key': key } });
  }

  /** A part of a thread; without a position, the newest messages. */
  async list(threadId: string, { signal, ...query }: HistoryOptions = {}): Promise<History> {
    const { items, link } = await this.#transport.page('/api/messages/thread/{threadId}', { params: { threadId }, query, signal });
    const number = (text: string | null | undefined) => (text === null || text === undefined ? undefined : Number(text));
    return { items, older: number(link('prev')?.get('before')), newer: number(link('next')?.get('after')) };
  }

  /** All messages of a thread, the oldest first, up to those that are posted meanwhile. */
  async *all(threadId: string, options: { after?: number; limit?: number; signal?: AbortSignal } = {}): AsyncGenerator<MessageWithSender, void, undefined> {
    let after: number | undefined = options.after ?? 0;
    while (after !== undefined) {
      const part: History = await this.list(threadId, { limit: 100, ...options, after });
      yield* part.items;
      after = part.newer;
    }
  }

  get(id: string): Promise<MessageWithSender> {
    return this.#transport.json('get', '/api/messages/{id}', { params: { id } });
  }

  edit(id: string, content: string): Promise<MessageWithSender> {
    return this.#transport.json('patch', '/api/messages/{id}', { params: { id }, body: { content } });
  }

  /** Deletes the content; the message keeps its place. */
  async delete(id: string): Promise<void> {
    await this.#transport.json('delete', '/api/messages/{id}', { params: { id } });
  }

  /** Stops the answer of the AI member to a message. Returns whether one was still to come. */
  async stopAnswer(id: string): Promise<boolean> {
    return (await this.#transport.json('post', '/api/messages/{id}/stop', { params: { id } })).stopped;
  }

  /** The texts that edits have replaced; moderators and admins may read them. */
  previousTexts(id: string): Promise<PreviousText[]> {
    return this.#transport.json('get', '/api/messages/{id}/previous-texts', { params: { id } });
  }

  react(id: string, emoji: string): Promise<MessageWithSender> {
    return this.#transport.json('put', '/api/messages/{id}/reactions/{emoji}', { params: { id, emoji } });
  }

  removeReaction(id: string, emoji: string): Promise<MessageWithSender> {
    return this.#transport.json('delete', '/api/messages/{id}/reactions/{emoji}', { params: { id, emoji } });
  }

  /** A page of the messages that contain the words, the newest first. */
  search(words: string, { signal, ...query }: SearchOptions = {}): Promise<Page<MessageWithSender>> {
    return pageOf(this.#transport.page('/api/messages/search', { query: { q: words, ...query }, signal }));
  }

  /** All messages that contain the words. */
  searchAll(words: string, options: Omit<SearchOptions, 'cursor'> = {}): AsyncGenerator<MessageWithSender, void, undefined> {
    return itemsOf((cursor) => this.search(words, { ...options, cursor }));
  }
}
