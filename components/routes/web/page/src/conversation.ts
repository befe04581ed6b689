// The state of one conversation on the page: its messages, the reply that is being written, and an error.

import { batch, signal } from '@preact/signals';
import type { ConversationSocketEvent, ConversationSocketEvents } from '../../../../../sdk/typescript/src/index';
import { announce } from './announce';
import {
  ApiError,
  type Attachment,
  describeError,
  type Message,
  networkError,
  request,
  requestJson,
  type StoredConversation,
} from './api';
import { sendFile } from './attach';
import { loadDraft, saveDraft } from './drafts';
import type { Evicted, ReplyPart } from './events';
import { ReplyConnection } from './reply-connection';
import { checkSession, defaultModel, ensureUser, temperature } from './session';
import { notifyTabs } from './tabs';
import { t } from './texts';
import { removeUnsent, saveUnsent, type UnsentMessage } from './unsent';
import { Uploads } from './uploads';

/** Milliseconds between two changes of the shown reply: its parts may arrive much faster. */
const SHOW_INTERVAL = 33;
/** Milliseconds without a message on the conversation's socket after which a reply is read by a request instead. */
const MAX_SOCKET_SILENCE = 40_000;

export interface PendingReply {
  phase: 'sending' | 'waiting' | 'streaming' | 'stopping';
  text: string;
  /** The connection is broken and is being made again. */
  isReconnecting?: boolean;
}

export interface Problem {
  error: ApiError;
  /** What a retry does: sends the message again, regenerates the reply, or loads the conversation. */
  retry: UnsentMessage | 'regenerate' | 'load';
  /** The model that was asked. */
  model: string | null;
}

interface Events {
  /** The conversation is created or gets a message. */
  onChange: (conversation: Conversation) => void;
  /** Conversations were deleted to make room for this one. */
  onEvicted: (evicted: Evicted[]) => void;
}

export class Conversation {
  readonly id = signal<string | null>(null);
  readonly title = signal('');
  readonly model = signal<string | null>(null);
  readonly messages = signal<Message[]>([]);
  readonly pendingReply = signal<PendingReply | null>(null);
  /** What the model thinks before the pending reply. */
  readonly reasoning = signal('');
  readonly problem = signal<Problem | null>(null);
  readonly isLoading = signal(false);
  /** The id of the message that the user is editing. */
  readonly edited = signal<string | null>(null);
  /** What is typed in the message field. */
  readonly draft = signal('');
  /** The files that are attached to it. */
  readonly uploads = new Uploads<Attachment>(sendFile);
  /** `updatedAt` of the stored conversation when it was last loaded. */
  updatedAt = 0;
  /** The id of the pending reply, and the number of its last event that was received. */
  #reply = { message: '', lastEvent: 0 };
  #streamError: ApiError | null = null;
  /** Received, but not shown yet. */
  #unshown = '';
  /** What the model thinks, as far as it was received. */
  #reasoning = '';
  #showTimer: ReturnType<typeof setTimeout> | undefined;
  /** The idempotency key of the last message. */
  #key = '';
  /** Messages that wait for an earlier one that could not be sent. */
  #waiting: UnsentMessage[] = [];
  readonly #group = newKey();
  #isStopRequested = false;
  /** Whether the pending reply was begun elsewhere, and comes by the conversation's socket. */
  #isFollowed = false;
  #socketTimer: ReturnType<typeof setTimeout> | undefined;
  /** The last reply that began elsewhere while this tab waited for one. */
  #begunElsewhere = '';
  /** The last reply that the page did not know when the socket was opened. */
  #missed = '';
  /** The conversations that were deleted for this reply, of which the user knows. */
  #evicted = new Set<string>();
  #events: Events;
  /** Closed when the user has changed: nothing more is sent. */
  readonly #connection = new ReplyConnection();

  constructor(id: string | null, events: Events) {
    this.id.value = id;
    this.draft.value = loadDraft(id);
    this.#events = events;
  }

  setDraft(text: string): void {
    this.draft.value = text;
    saveDraft(this.id.value, text);
  }

  get isBusy(): boolean {
    return this.pendingReply.value !== null;
  }

  /** The message that could not be sent. */
  get unsent(): UnsentMessage | null {
    const retry = this.problem.value?.retry;
    return typeof retry === 'object' ? retry : null;
  }

  /** Whether this message could not be sent, or waits for one. */
  isUnsent(id: string): boolean {
    return this.unsent?.key === id || this.#waiting.some(({ key }) => key === id);
  }

  /** Loads the stored conversation and, unless `withoutReply`, follows a reply that is being written. */
  async load(withoutReply = false): Promise<void> {
    const id = this.id.value;
    // A message that could not be sent stays, with what helps.
    if (!id || this.isBusy || this.unsent) return;
    this.isLoading.value = this.messages.value.length === 0;
    let isStreaming = false;
    try {
      const stored = await this.#fetch(id);
      if (this.isBusy) return;
      isStreaming = !withoutReply && stored.messages.at(-1)?.status === 'streaming';
      batch(() => {
        this.#show(stored);
        this.problem.value = null;
        if (!isStreaming) return;
        this.messages.value = stored.messages.slice(0, -1);
        this.#startReply('waiting');
      });
    } catch (thrown) {
      this.#fail(thrown, 'load');
    } finally {
      this.isLoading.value = false;
    }
    if (isStreaming) await this.#finishReply(await this.#resume());
    else if (!withoutReply && !this.problem.value) await this.#sendWaiting();
  }

  #fetch(id: string): Promise<StoredConversation> {
    return requestJson<StoredConversation>('GET', `/api/conversations/${id}`);
  }

  #show(stored: StoredConversation): void {
    this.title.value = stored.title;
    this.model.value = stored.model;
    this.messages.value = [...stored.messages, ...this.#waiting.map(shownMessage)];
    this.updatedAt = stored.updatedAt;
  }

  /** Sends a message and receives the reply. Does nothing while a reply is pending. */
  async send(message: string, attachments: Attachment[] = []): Promise<void> {
    if (this.isBusy) return;
    const model = this.model.value ?? defaultModel.value;
    const written = { ...this.#newMessage(), message, attachments, model };
    const { unsent } = this;
    if (!unsent) return this.resend(written);
    this.wait(written);
    return this.resend(unsent);
  }

  /** Sends a message after the one that could not be sent. */
  wait(message: UnsentMessage): void {
    saveUnsent(message);
    this.#waiting.push(message);
    this.messages.value = [...this.messages.value, shownMessage(message)];
  }

  /** Sends what was not confirmed when the page was left. */
  async sendAgain(messages: UnsentMessage[]): Promise<void> {
    const [first, ...others] = messages.map((message) => ({ ...message, group: this.#group }));
    await this.load(true);
    for (const other of others) this.wait(other);
    if (first) await this.resend(first);
  }

  async #sendWaiting(): Promise<void> {
    const next = this.#connection.isClosed ? undefined : this.#waiting.shift();
    if (next) await this.resend({ ...next, conversationId: this.id.value });
  }

  #newMessage(): Pick<UnsentMessage, 'key' | 'conversationId' | 'group'> {
    return { key: newKey(), conversationId: this.id.value, group: this.#group };
  }

  /** Sends another version of a sent message; what follows the earlier version stays with that one. */
  async edit({ id, attachments = [] }: Message, message: string): Promise<void> {
    const model = this.model.value;
    await this.resend({ ...this.#newMessage(), message, attachments, model, editedMessageId: id });
  }

  /** Shows another version of a message, with what follows it. */
  async selectVersion(message: string, active: string): Promise<void> {
    if (this.isBusy) return;
    try {
      const path = `/api/conversations/${this.id.value}/messages/${message}`;
      this.#show(await requestJson<StoredConversation>('PATCH', path, { body: { active } }));
      this.problem.value = null;
      notifyTabs('conversations');
    } catch (thrown) {
      this.#fail(thrown, 'load');
    }
  }

  async resend(unsent: UnsentMessage): Promise<void> {
    if (this.isBusy) return;
    const { key, conversationId, message, attachments = [], model, editedMessageId } = unsent;
    this.#startReply('sending');
    this.#key = key;
    const isShown = this.messages.value.some(({ id }) => id === key);
    if (!isShown) {
      const edited = this.messages.value.findIndex(({ id }) => id === editedMessageId);
      const before = edited < 0 ? this.messages.value : this.messages.value.slice(0, edited);
      this.messages.value = [...before, shownMessage(unsent)];
    }
    saveUnsent(unsent);
    const body = {
      message,
      ...(conversationId && { conversationId }),
      ...(model && { model }),
      ...(editedMessageId && { edits: editedMessageId }),
      // An edited message keeps its files, also those that are deleted.
      ...(attachments.length > 0 && !editedMessageId && { attachments: attachments.map(({ id }) => id) }),
      ...(temperature.value !== null && { temperature: temperature.value }),
    };
    await this.#receiveReply(unsent, async (signal) => {
      await ensureUser();
      return request('POST', '/api/chat', { body, headers: { 'idempotency-key': key }, signal });
    });
  }

  /** Requests another version of the last reply. */
  async regenerate(): Promise<void> {
    const id = this.id.value;
    if (!id || this.isBusy) return;
    this.#startReply('sending');
    const messages = this.messages.value;
    if (messages.at(-1)?.role === 'assistant') this.messages.value = messages.slice(0, -1);
    const body = {
      ...(this.model.value && { model: this.model.value }),
      ...(temperature.value !== null && { temperature: temperature.value }),
    };
    await this.#receiveReply('regenerate', (signal) =>
      request('POST', `/api/conversations/${id}/regenerate`, { body, signal }),
    );
  }

  /** Stops the reply; the part that was written is kept. */
  async stop(): Promise<void> {
    const id = this.id.value;
    if (!this.pendingReply.value) return;
    this.#setPhase('stopping');
    // Until the conversation is known, the stop waits for its event.
    this.#isStopRequested = true;
    if (!id || !this.#reply.message) return;
    try {
      await requestJson('POST', `/api/conversations/${id}/stop`);
    } catch (thrown) {
      if (this.pendingReply.value) this.#setPhase('streaming');
      announce(thrown instanceof ApiError ? thrown.message : t.notStopped);
    }
  }

  /** Removes a message that could not be sent and returns its text, so that it can be edited; its files are attached again. */
  discardUnsent(unsent: UnsentMessage): string {
    removeUnsent(unsent.key);
    for (const attachment of unsent.attachments ?? []) {
      const { name, mediaType, url } = attachment;
      this.uploads.addStored(name, isShownImage(mediaType) ? new URL(url, location.href).pathname : null, attachment);
    }
    batch(() => {
      this.problem.value = null;
      this.messages.value = this.messages.value.filter((message) => message.id !== unsent.key);
    });
    void this.#sendWaiting();
    return unsent.message;
  }

  /** Ends everything that is under way for the user, who has changed. */
  close(): void {
    this.#endFollowing();
    this.#connection.close();
    this.uploads.clear();
  }

  /** Removes all messages that could not be sent and returns their texts. */
  takeUnsent(): string {
    const texts = [this.unsent, ...this.#waiting].map((unsent) => unsent?.message ?? '');
    this.#waiting = [];
    this.problem.value = null;
    return texts.filter(Boolean).join('\n\n');
  }

  /** Shows what the conversation's socket tells of turns that began elsewhere. Its own ones this tab reads by itself. */
  receive(event: ConversationSocketEvent): void {
    if (this.#isFollowed) this.#awaitSocket();
    switch (event.type) {
      case 'conversation':
        if (event.title !== null) this.title.value = event.title;
        if (event.reply) this.#loadMissed(event.reply.messageId);
        break;
      case 'message':
        if (!this.isBusy) this.#addMessage(event.message);
        break;
      case 'reply':
        if (this.isBusy) this.#begunElsewhere = event.messageId;
        // A message that could not be sent stays until the user has decided.
        else if (!this.problem.value && !this.#isKnown(event.messageId)) void this.#follow(event);
        break;
      case 'delta':
        if (this.#isFollowed && event.messageId === this.#reply.message) this.#showFollowed(event.text);
        break;
      case 'reasoning':
        if (this.#isFollowed && event.messageId === this.#reply.message) this.reasoning.value = event.text;
        break;
      case 'end':
        if (this.#isFollowed && event.messageId === this.#reply.message) void this.#endFollowed(event);
        break;
      case 'title':
        this.title.value = event.title;
        break;
    }
  }

  /** There is no socket any more: a reply that came by it is read by a request. */
  async unfollow(): Promise<void> {
    if (!this.#isFollowed) return;
    this.#startReply('waiting', this.#reply.message);
    await this.#finishReply(await this.#resume());
  }

  /** The conversation is gone, and with it the reply that came by its socket. */
  abandon(): void {
    if (!this.#isFollowed) return;
    this.#endFollowing();
    this.pendingReply.value = null;
  }

  #isKnown(id: string): boolean {
    const isOf = (message: Message) => message.id === id || message.versions?.some((version) => version.id === id);
    return id === this.#reply.message || this.messages.value.some(isOf);
  }

  /** Loads, once, a reply that was begun while there was no socket. */
  #loadMissed(reply: string): void {
    if (reply === this.#missed || this.isBusy || this.isLoading.value || this.problem.value || this.#isKnown(reply)) return;
    this.#missed = reply;
    void this.load();
  }

  #addMessage(message: Message): void {
    const { unsent } = this;
    if (unsent?.message === message.content) {
      // The server has it, although its confirmation was lost.
      removeUnsent(unsent.key);
      this.problem.value = null;
      this.messages.value = this.messages.value.filter(({ id }) => id !== unsent.key);
    }
    if (!this.problem.value && !this.#isKnown(message.id)) this.messages.value = [...this.messages.value, message];
  }

  async #follow({ messageId, isVersion }: ConversationSocketEvents['reply']): Promise<void> {
    this.#startReply('waiting', messageId);
    this.#isFollowed = true;
    this.#awaitSocket();
    if (!isVersion) return;
    const stored = await this.#fetch(this.id.value ?? '').catch(() => null);
    if (!stored || !this.#isFollowed || this.#reply.message !== messageId) return;
    // The new version is shown in the place of the earlier one.
    const isReplyLast = stored.messages.at(-1)?.role === 'assistant';
    this.#show(isReplyLast ? { ...stored, messages: stored.messages.slice(0, -1) } : stored);
  }

  #awaitSocket(): void {
    clearTimeout(this.#socketTimer);
    this.#socketTimer = setTimeout(() => void this.unfollow(), MAX_SOCKET_SILENCE);
  }

  #showFollowed(text: string): void {
    const phase = this.pendingReply.value?.phase === 'stopping' ? 'stopping' : 'streaming';
    this.pendingReply.value = { phase, text };
  }

  async #endFollowed({ error, text }: ConversationSocketEvents['end']): Promise<void> {
    this.#endFollowing();
    this.#showFollowed(text);
    const failure = error && describeError(502, { code: error.code, error: error.message });
    await this.#finishReply(failure ? new ApiError(502, failure.code, failure.sentence) : null);
  }

  #endFollowing(): void {
    this.#isFollowed = false;
    clearTimeout(this.#socketTimer);
  }

  #startReply(phase: PendingReply['phase'], message = ''): void {
    this.#endFollowing();
    this.#reply = { message, lastEvent: 0 };
    this.#begunElsewhere = '';
    this.#isStopRequested = false;
    this.#evicted.clear();
    this.#unshown = '';
    this.#reasoning = '';
    batch(() => {
      this.problem.value = null;
      this.reasoning.value = '';
      this.pendingReply.value = { phase, text: '' };
    });
    announce(t.waiting);
  }

  #setPhase(phase: PendingReply['phase']): void {
    const text = this.pendingReply.value?.text ?? '';
    this.pendingReply.value = { phase, text };
  }

  /** Sends the request and receives the whole reply, with new connections if one breaks. */
  async #receiveReply(
    retry: UnsentMessage | 'regenerate',
    send: (signal: AbortSignal) => Promise<Response>,
  ): Promise<void> {
    try {
      const response = await this.#request(retry, send);
      this.#named(response.headers.get('x-conversation-id'));
      if (await this.#readEvents(response)) await this.#finishReply(this.#streamError);
      else if (this.id.value) await this.#finishReply(await this.#resume());
      else throw networkError();
    } catch (thrown) {
      const error = thrown instanceof ApiError ? thrown : networkError();
      if (error.storedIn) {
        // The message was stored; only the reply failed.
        this.#named(error.storedIn);
        removeUnsent(this.#key);
        this.#events.onChange(this);
        await this.#finishReply(error);
        return;
      }
      this.pendingReply.value = null;
      // The messages that were hidden while the new version was expected are shown again.
      if (retry === 'regenerate' || retry.editedMessageId) await this.#reload(retry);
      this.#fail(error, retry);
    }
  }

  /** A message is sent again while the server cannot be reached: its key keeps it from being stored twice. */
  #request(
    retry: UnsentMessage | 'regenerate',
    send: (signal: AbortSignal) => Promise<Response>,
  ): Promise<Response> {
    if (retry === 'regenerate') return this.#connection.send(send);
    return this.#connection.sendRepeatedly(send, () => {
      if (this.pendingReply.value) this.pendingReply.value = { ...this.pendingReply.value, isReconnecting: true };
    });
  }

  /** The server has given the conversation its id: the draft belongs to it now. */
  #named(id: string | null): void {
    if (!id || this.id.value === id) return;
    saveDraft(this.id.value, '');
    this.id.value = id;
    saveDraft(id, this.draft.value);
  }

  async #reload(retry: UnsentMessage | 'regenerate'): Promise<void> {
    const stored = await this.#fetch(this.id.value ?? '').catch(() => null);
    if (!stored) return;
    const unsent = typeof retry === 'object' ? this.messages.value.find(({ id }) => id === retry.key) : undefined;
    this.#show(stored);
    if (unsent) this.messages.value = [...stored.messages, unsent, ...this.#waiting.map(shownMessage)];
  }

  /** Reads the events of a response. False if they end before the reply does. */
  #readEvents(response: Response): Promise<boolean> {
    this.#streamError = null;
    this.#setPhase(this.#isStopRequested ? 'stopping' : 'waiting');
    return this.#connection.read(response, (event) => this.#handle(event));
  }

  #handle(event: ReplyPart): void {
    switch (event.kind) {
      case 'conversation':
        this.#reply.message = event.messageId;
        this.#reportEvicted(event.evicted);
        batch(() => {
          this.#named(event.conversationId);
          this.title.value = event.title;
          this.model.value = event.model;
          this.#removeDuplicate(event.messageId);
        });
        removeUnsent(this.#key);
        this.#events.onChange(this);
        if (this.#isStopRequested) void this.stop();
        break;
      case 'delta': {
        // A new connection may send some events again.
        if (event.number <= this.#reply.lastEvent) break;
        this.#reply.lastEvent = event.number;
        this.#unshown += event.text;
        this.#showTimer ??= setTimeout(() => this.#showReceived(), SHOW_INTERVAL);
        break;
      }
      case 'reasoning':
        // A new connection sends it from its beginning.
        this.#reasoning = this.#reasoning.slice(0, event.offset) + event.text;
        this.#showTimer ??= setTimeout(() => this.#showReceived(), SHOW_INTERVAL);
        break;
      case 'error':
        this.#streamError = event.error;
        break;
    }
  }

  /** The event is sent again when conversations were deleted, and by a new connection. */
  #reportEvicted(evicted: Evicted[]): void {
    const unreported = evicted.filter(({ id }) => !this.#evicted.has(id));
    if (unreported.length === 0) return;
    for (const { id } of unreported) this.#evicted.add(id);
    this.#events.onEvicted(unreported);
  }

  #showReceived(): void {
    clearTimeout(this.#showTimer);
    this.#showTimer = undefined;
    if (this.#reasoning) this.reasoning.value = this.#reasoning;
    if (!this.#unshown || !this.pendingReply.value) return;
    const { phase, text } = this.pendingReply.value;
    const next = phase === 'stopping' ? phase : 'streaming';
    this.pendingReply.value = { phase: next, text: text + this.#unshown };
    this.#unshown = '';
  }

  /** If a message that was sent again had been stored the first time, the page has it and its reply twice. */
  #removeDuplicate(reply: string): void {
    const messages = this.messages.value;
    const isStored = messages.some((message) => message.id === reply);
    if (isStored) this.messages.value = messages.filter(({ id }) => id !== reply && id !== this.#key);
  }

  /** Requests the rest of a reply until it has ended. Returns the error of the reply, if any. */
  async #resume(): Promise<ApiError | null> {
    const onAttempt = (attempt: number) => {
      this.#showReceived();
      const text = this.pendingReply.value?.text ?? '';
      if (attempt > 0 || text) this.pendingReply.value = { phase: 'streaming', text, isReconnecting: true };
    };
    try {
      const read = (response: Response) => this.#readEvents(response);
      await this.#connection.resume(this.id.value, () => this.#reply, onAttempt, read);
      return this.#streamError;
    } catch (thrown) {
      return thrown instanceof ApiError ? thrown : networkError();
    }
  }

  /** Replaces the received text by the stored conversation. */
  async #finishReply(error: ApiError | null): Promise<void> {
    this.#showReceived();
    const text = this.pendingReply.value?.text ?? '';
    if (this.#connection.isClosed) return;
    // If it cannot be loaded, the received text stays until the next load.
    const stored = await this.#fetch(this.id.value ?? '').catch(() => null);
    batch(() => {
      if (stored) this.#show(stored);
      else this.messages.value = [...this.messages.value, this.#receivedMessage(text, error !== null)];
      this.pendingReply.value = null;
    });
    this.#events.onChange(this);
    notifyTabs('conversations');
    if (error) {
      this.#fail(error, error.status === 0 ? 'load' : 'regenerate');
    } else {
      announce(t.finished((this.messages.value.at(-1)?.content ?? text).split(/\s+/).filter(Boolean).length));
    }
    if (this.#begunElsewhere && !this.#isKnown(this.#begunElsewhere)) await this.load();
    if (!error) await this.#sendWaiting();
  }

  #receivedMessage(content: string, isInterrupted: boolean): Message {
    const status = isInterrupted ? 'incomplete' : 'complete';
    const id = this.#reply.message;
    const timestamp = Date.now();
    const reasoning = this.reasoning.value;
    return { id, role: 'assistant', content, status, timestamp, ...(reasoning && { reasoning }), ...(this.model.value && { model: this.model.value }) };
  }

  #fail(thrown: unknown, retry: Problem['retry']): void {
    if (this.#connection.isClosed) return;
    const error = thrown instanceof ApiError ? thrown : networkError();
    checkSession(error);
    this.problem.value = { error, retry, model: this.model.value ?? defaultModel.value };
    announce(error.message);
  }
}

/** Whether the page shows files of this type as images. */
export function isShownImage(mediaType: string): boolean {
  return /^image\/(a?png|jpeg|gif|webp)$/.test(mediaType);
}

function newKey(): string {
  // Browsers have `randomUUID` only on https and on localhost.
  return crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
}

/** A message that is not stored yet. */
function shownMessage({ key, message, attachments = [] }: UnsentMessage): Message {
  return { id: key, role: 'user', content: message, attachments, status: 'complete', timestamp: Date.now() };
}
