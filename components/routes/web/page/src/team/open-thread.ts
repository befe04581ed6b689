// An open thread: its messages, and those of the user that are not posted yet.

import { batch, computed, signal } from '@preact/signals';
import { announce } from '../announce';
import type { ApiError } from '../api';
import { user } from '../session';
import { t } from '../texts';
import { loadJoined, putThread } from './channels';
import { type AnyRealtimeEvent, attempt, errorOf, goldfish, type MessageAttachment, type MessageWithSender, type Thread } from './client';

/** Most characters of a new message that are read to the user. */
const ANNOUNCED = 200;
/** The id of the AI member, and its name until a message has it. */
const ASSISTANT = 'assistant';
const ASSISTANT_NAME = 'goldfish';
/** Milliseconds without a part after which a reply is not expected to go on. */
const GROWING_LIFETIME = 60_000;

/** A message that is being posted, or could not be. The id keeps a retry from posting it twice. */
export interface Unsent {
  clientId: string;
  content: string;
  attachments: MessageAttachment[];
  replyTo: MessageWithSender | null;
  error: ApiError | null;
}

/** A reply of the AI member that is being generated. */
export interface GrowingReply {
  /** The id of the message that asks. */
  replyTo: string;
  name: string;
  text: string;
  /** Where the next part of it begins, as the server counts. */
  offset: number;
  expiresAt: number;
}

interface Typing {
  userId: string;
  expiresAt: number;
}

export class OpenThread {
  readonly thread = signal<Thread | null>(null);
  /** By their numbers, without gaps between them. */
  readonly messages = signal<MessageWithSender[]>([]);
  readonly unsent = signal<Unsent[]>([]);
  /** The replies of the AI member that are being generated. */
  readonly growing = computed(() => {
    const answered = new Set(this.messages.value.map(({ replyTo, senderId }) => senderId === ASSISTANT && replyTo));
    return this.#growing.value.filter(({ replyTo }) => !answered.has(replyTo));
  });
  /** The names of those who are typing. */
  readonly typing = computed(() => this.#typing.value.map(({ userId }) => this.#nameOf(userId)));
  /** Why the thread cannot be shown. */
  readonly problem = signal<ApiError | null>(null);
  readonly isLoading = signal(true);
  /** The number of the first message that was unread when the thread was opened; null if none was. */
  readonly firstUnread = signal<number | null>(null);
  readonly hasOlder = computed(() => (this.messages.value[0]?.number ?? 1) > 1);
  readonly hasNewer = computed(() => this.#lastNumber < (this.thread.value?.lastNumber ?? 0));

  readonly #growing = signal<GrowingReply[]>([]);
  readonly #typing = signal<Typing[]>([]);
  #expiry: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly id: string,
    /** The message that is to be shown; null for the newest ones. */
    readonly around: number | null,
  ) {}

  get #lastNumber(): number {
    return this.messages.value.at(-1)?.number ?? 0;
  }

  async load(): Promise<void> {
    try {
      this.thread.value = await goldfish.threads.get(this.id);
      const where = this.around === null ? {} : { around: this.around };
      const { items } = await goldfish.messages.list(this.id, where);
      const { lastNumber, unreadCount } = this.thread.value;
      batch(() => {
        this.messages.value = items;
        this.problem.value = null;
        this.firstUnread.value = unreadCount > 0 ? lastNumber - unreadCount + 1 : null;
        this.isLoading.value = false;
      });
    } catch (thrown) {
      this.problem.value = errorOf(thrown);
      this.isLoading.value = false;
      return;
    }
    // If this fails, the next update does it.
    await this.markRead().catch(() => undefined);
  }

  /** Loads what others have changed. Not while a message is being posted, which would be shown twice. */
  async update(): Promise<void> {
    if (this.isLoading.value || this.problem.value || this.unsent.value.some(({ error }) => !error)) return;
    const wasAtEnd = !this.hasNewer.value;
    const thread = await goldfish.threads.get(this.id);
    if (!wasAtEnd) {
      this.#show(thread);
      return;
    }
    const last = this.#lastNumber;
    await this.#loadNewest();
    this.#show(thread);
    const news = this.messages.value.filter(({ number, senderId }) => number > last && senderId !== user.value?.id);
    for (const { sender, content } of news.slice(-1)) {
      announce(`${sender?.name ?? t.team.deletedUser}: ${content.slice(0, ANNOUNCED)}`);
    }
    await this.markRead();
  }

  /** What is not stored: who is typing, and the text of replies before they are messages. */
  receive(event: AnyRealtimeEvent): void {
    if (event.type === 'TYPING') {
      const { userId, state, expiresIn } = event.payload;
      const others = this.#typing.peek().filter((one) => one.userId !== userId);
      this.#typing.value = state === 'stop' ? others : [...others, { userId, expiresAt: Date.now() + expiresIn }];
    } else if (event.type === 'REPLY_DELTA') {
      const { userId, replyTo, offset, delta } = event.payload;
      const known = this.#growing.peek();
      const before = known.find((one) => one.replyTo === replyTo);
      // Its beginning, or something in between, can be missing.
      const text = `${before?.text ?? ''}${offset === (before?.offset ?? 0) ? '' : '… '}${delta}`;
      const reply = {
        replyTo,
        name: this.#nameOf(userId),
        text,
        offset: offset + delta.length,
        expiresAt: Date.now() + GROWING_LIFETIME,
      };
      this.#growing.value = [...known.filter((one) => one !== before), reply];
    } else if (event.type === 'NEW_MESSAGE') {
      const { senderId, replyTo } = event.payload;
      this.#typing.value = this.#typing.peek().filter(({ userId }) => userId !== senderId);
      // A stopped reply can get a last part after its message.
      if (senderId !== ASSISTANT || !replyTo) return;
      setTimeout(() => (this.#growing.value = this.#growing.peek().filter((one) => one.replyTo !== replyTo)), 1000);
    }
    this.#expire();
  }

  /** Call when the thread is not shown any more. */
  close(): void {
    clearTimeout(this.#expiry);
  }

  async loadOlder(): Promise<void> {
    const before = this.messages.value[0]?.number;
    if (before) await attempt(async () => this.#put((await goldfish.messages.list(this.id, { before })).items));
  }

  async loadNewer(): Promise<void> {
    await attempt(async () => this.#put((await goldfish.messages.list(this.id, { after: this.#lastNumber })).items));
    await this.markRead().catch(() => undefined);
  }

  /** Records that everything that is shown is read. */
  async markRead(): Promise<void> {
    const thread = this.thread.value;
    if (!thread || thread.unreadCount === 0 || document.visibilityState !== 'visible') return;
    const { unreadCount, mentionCount } = await goldfish.threads.markRead(this.id, this.#lastNumber);
    this.#show({ ...thread, unreadCount, mentionCount });
    await loadJoined();
  }

  /** Posts a message. If that fails, it stays as one that can be posted again. */
  async post(content: string, attachments: MessageAttachment[], replyTo: MessageWithSender | null): Promise<void> {
    const clientId = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    await this.retry({ clientId, content, attachments, replyTo, error: null });
  }

  async retry(unsent: Unsent): Promise<void> {
    const { clientId, content, attachments, replyTo } = unsent;
    this.discard(clientId);
    this.unsent.value = [...this.unsent.value, { ...unsent, error: null }];
    try {
      const body = { threadId: this.id, content, clientId, replyTo: replyTo?.id ?? null };
      const message = await goldfish.messages.post({ ...body, ...(attachments.length > 0 && { attachments }) });
      // Others may have posted before it.
      if (message.number > this.#lastNumber + 1) await this.#loadNewest();
      batch(() => {
        this.discard(clientId);
        this.#put([message]);
        this.firstUnread.value = null;
      });
    } catch (thrown) {
      const error = errorOf(thrown);
      this.unsent.value = this.unsent.value.map((one) => (one.clientId === clientId ? { ...one, error } : one));
      announce(error.message);
    }
  }

  discard(clientId: string): void {
    this.unsent.value = this.unsent.value.filter((one) => one.clientId !== clientId);
  }

  async edit(id: string, content: string): Promise<void> {
    await attempt(async () => this.#put([await goldfish.messages.edit(id, content)]));
  }

  async remove(id: string): Promise<void> {
    await goldfish.messages.delete(id);
    this.#put([await goldfish.messages.get(id)]);
  }

  async react({ id, reactions }: MessageWithSender, emoji: string): Promise<void> {
    const isMine = reactions.some((reaction) => reaction.emoji === emoji && reaction.mine);
    const change = isMine ? goldfish.messages.removeReaction(id, emoji) : goldfish.messages.react(id, emoji);
    await attempt(async () => this.#put([await change]));
  }

  async archive(isArchived: boolean): Promise<void> {
    const { threads } = goldfish;
    await attempt(async () => this.#show(await (isArchived ? threads.archive(this.id) : threads.unarchive(this.id))));
  }

  async rename(name: string): Promise<void> {
    await attempt(async () => this.#show(await goldfish.threads.update(this.id, { name })));
  }

  #nameOf(userId: string): string {
    const message = this.messages.peek().find(({ senderId }) => senderId === userId);
    return message?.sender?.name ?? (userId === ASSISTANT ? ASSISTANT_NAME : t.team.somebody);
  }

  /** Removes what has expired, now and when the next one does. */
  #expire(): void {
    clearTimeout(this.#expiry);
    const now = Date.now();
    const isCurrent = ({ expiresAt }: { expiresAt: number }) => expiresAt > now;
    batch(() => {
      this.#typing.value = this.#typing.peek().filter(isCurrent);
      this.#growing.value = this.#growing.peek().filter(isCurrent);
    });
    const times = [...this.#typing.peek(), ...this.#growing.peek()].map(({ expiresAt }) => expiresAt - now);
    if (times.length > 0) this.#expiry = setTimeout(() => this.#expire(), Math.min(...times) + 1);
  }

  /** Loads the newest messages. If there are others between them and the shown ones, they replace these. */
  async #loadNewest(): Promise<void> {
    const { items } = await goldfish.messages.list(this.id);
    if ((items[0]?.number ?? 0) > this.#lastNumber + 1) this.messages.value = [];
    this.#put(items);
  }

  #show(thread: Thread): void {
    this.thread.value = thread;
    putThread(thread);
  }

  #put(changed: MessageWithSender[]): void {
    const all = new Map(this.messages.value.map((message) => [message.number, message]));
    for (const message of changed) all.set(message.number, message);
    const messages = [...all.values()].sort((one, other) => one.number - other.number);
    const thread = this.thread.value;
    const lastNumber = messages.at(-1)?.number ?? 0;
    batch(() => {
      this.messages.value = messages;
      if (thread && lastNumber > thread.lastNumber) this.#show({ ...thread, lastNumber });
    });
  }
}
