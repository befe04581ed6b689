// The state of one conversation on the page: its messages, the reply that is being written, and an error.

import { batch, signal } from '@preact/signals';
import { announce } from './announce';
import { ApiError, type Message, networkError, request, requestJson, type StoredConversation } from './api';
import { type ReplyEvent, replyEvents } from './events';
import { checkSession, defaultModel, ensureUser } from './session';
import { loadItem, saveItem } from './storage';
import { notifyTabs } from './tabs';

/** Milliseconds before each new attempt after a broken connection; the last one repeats. */
const RETRY_DELAYS = [300, 1000, 2000, 5000];
/** Attempts in a row without any new part of the reply. */
const MAX_ATTEMPTS = 12;
const UNSENT = 'goldfish-unsent';

/** A message that the server has not confirmed. The idempotency key keeps it from being stored twice. */
export interface UnsentMessage {
  key: string;
  conversationId: string | null;
  message: string;
  model: string | null;
}

export interface PendingReply {
  phase: 'sending' | 'waiting' | 'streaming' | 'stopping';
  text: string;
}

export interface Problem {
  error: ApiError;
  /** What a retry does: sends the message again, regenerates the reply, or loads the conversation. */
  retry: UnsentMessage | 'regenerate' | 'load';
}

type OnChange = (conversation: Conversation) => void;

export class Conversation {
  readonly id = signal<string | null>(null);
  readonly title = signal('');
  readonly model = signal<string | null>(null);
  readonly messages = signal<Message[]>([]);
  readonly pendingReply = signal<PendingReply | null>(null);
  readonly problem = signal<Problem | null>(null);
  readonly isLoading = signal(false);
  /** `updatedAt` of the stored conversation when it was last loaded. */
  updatedAt = 0;
  /** The id of the pending reply, and the number of its last event that was received. */
  #reply = { message: '', lastEvent: 0 };
  #streamError: ApiError | null = null;
  /** The idempotency key of the last message. */
  #key = '';
  #isStopRequested = false;
  #onChange: OnChange;

  /** `onChange` is called when the conversation is created or gets a message. */
  constructor(id: string | null, onChange: OnChange) {
    this.id.value = id;
    this.#onChange = onChange;
  }

  get isBusy(): boolean {
    return this.pendingReply.value !== null;
  }

  /** Loads the stored conversation and, unless `withoutReply`, follows a reply that is being written. */
  async load(withoutReply = false): Promise<void> {
    const id = this.id.value;
    if (!id || this.isBusy) return;
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
  }

  #fetch(id: string): Promise<StoredConversation> {
    return requestJson<StoredConversation>('GET', `/api/conversations/${id}`);
  }

  #show(stored: StoredConversation): void {
    this.title.value = stored.title;
    this.model.value = stored.model;
    this.messages.value = stored.messages;
    this.updatedAt = stored.updatedAt;
  }

  /** Sends a message and receives the reply. Does nothing while a reply is pending. */
  async send(message: string): Promise<void> {
    const key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    const model = this.model.value ?? defaultModel.value;
    await this.resend({ key, conversationId: this.id.value, message, model });
  }

  async resend(unsent: UnsentMessage): Promise<void> {
    if (this.isBusy) return;
    const { key, conversationId, message, model } = unsent;
    this.#startReply('sending');
    this.#key = key;
    const isShown = this.messages.value.at(-1)?.id === key;
    if (!isShown) {
      const shown: Message = { id: key, role: 'user', content: message, status: 'complete' };
      this.messages.value = [...this.messages.value, shown];
    }
    saveItem(sessionStorage, UNSENT, JSON.stringify(unsent));
    const body = {
      message,
      ...(conversationId && { conversationId }),
      ...(model && { model }),
    };
    await this.#receiveReply(unsent, async () => {
      await ensureUser();
      return request('POST', '/api/chat', { body, headers: { 'idempotency-key': key } });
    });
  }

  /** Requests a new reply to the last message. */
  async regenerate(): Promise<void> {
    const id = this.id.value;
    if (!id || this.isBusy) return;
    this.#startReply('sending');
    const messages = this.messages.value;
    if (messages.at(-1)?.role === 'assistant') this.messages.value = messages.slice(0, -1);
    const body = this.model.value ? { model: this.model.value } : {};
    await this.#receiveReply('regenerate', () =>
      request('POST', `/api/conversations/${id}/regenerate`, { body }),
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
      announce(thrown instanceof ApiError ? thrown.message : 'The reply could not be stopped.');
    }
  }

  /** Removes a message that could not be sent and returns its text, so that it can be edited. */
  discardUnsent(unsent: UnsentMessage): string {
    clearUnsent();
    batch(() => {
      this.problem.value = null;
      this.messages.value = this.messages.value.filter((message) => message.id !== unsent.key);
    });
    return unsent.message;
  }

  #startReply(phase: PendingReply['phase']): void {
    this.#reply = { message: '', lastEvent: 0 };
    this.#isStopRequested = false;
    batch(() => {
      this.problem.value = null;
      this.pendingReply.value = { phase, text: '' };
    });
    announce('Waiting for the reply.');
  }

  #setPhase(phase: PendingReply['phase']): void {
    const text = this.pendingReply.value?.text ?? '';
    this.pendingReply.value = { phase, text };
  }

  /** Sends the request and receives the whole reply, with new connections if one breaks. */
  async #receiveReply(retry: UnsentMessage | 'regenerate', send: () => Promise<Response>): Promise<void> {
    try {
      const response = await send();
      this.id.value ??= response.headers.get('x-conversation-id');
      if (await this.#readEvents(response)) await this.#finishReply(this.#streamError);
      else if (this.id.value) await this.#finishReply(await this.#resume());
      else throw networkError();
    } catch (thrown) {
      const error = thrown instanceof ApiError ? thrown : networkError();
      if (error.storedIn) {
        // The message was stored; only the reply failed.
        this.id.value = error.storedIn;
        clearUnsent();
        this.#onChange(this);
        await this.#finishReply(error);
        return;
      }
      this.pendingReply.value = null;
      this.#fail(error, retry);
    }
  }

  /** Reads the events of a response. False if they end before the reply does. */
  async #readEvents(response: Response): Promise<boolean> {
    this.#streamError = null;
    this.#setPhase(this.#isStopRequested ? 'stopping' : 'waiting');
    for await (const event of replyEvents(response)) {
      if (event.kind === 'done') return true;
      this.#handle(event);
    }
    return false;
  }

  #handle(event: ReplyEvent): void {
    switch (event.kind) {
      case 'conversation':
        this.#reply.message = event.messageId;
        batch(() => {
          this.id.value = event.conversationId;
          this.title.value = event.title;
          this.model.value = event.model;
          this.#removeDuplicate(event.messageId);
        });
        clearUnsent();
        this.#onChange(this);
        if (this.#isStopRequested) void this.stop();
        break;
      case 'delta': {
        // A new connection may send some events again.
        if (event.number <= this.#reply.lastEvent) break;
        this.#reply.lastEvent = event.number;
        const { phase, text } = this.pendingReply.value ?? { phase: 'streaming', text: '' };
        const next = phase === 'stopping' ? phase : 'streaming';
        this.pendingReply.value = { phase: next, text: text + event.text };
        break;
      }
      case 'error':
        this.#streamError = event.error;
        break;
    }
  }

  /** If a message that was sent again had been stored the first time, the page has it and its reply twice. */
  #removeDuplicate(reply: string): void {
    const messages = this.messages.value;
    const isStored = messages.some((message) => message.id === reply);
    if (isStored) this.messages.value = messages.filter(({ id }) => id !== reply && id !== this.#key);
  }

  /** Requests the rest of a reply until it has ended. Returns the error of the reply, if any. */
  async #resume(): Promise<ApiError | null> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      if (attempt > 0) await pause(RETRY_DELAYS[Math.min(attempt, RETRY_DELAYS.length) - 1] ?? 0);
      const before = this.#reply.lastEvent;
      try {
        const { message, lastEvent } = this.#reply;
        const query = message ? `?messageId=${encodeURIComponent(message)}` : '';
        const headers: Record<string, string> = lastEvent > 0 ? { 'last-event-id': String(lastEvent) } : {};
        const response = await request('GET', `/api/conversations/${this.id.value}/stream${query}`, { headers });
        // 204: the reply has ended, and nothing of it is missing.
        if (response.status === 204 || (await this.#readEvents(response))) return this.#streamError;
      } catch (thrown) {
        const { status } = thrown as ApiError;
        if (status >= 400 && status < 500 && status !== 429) return thrown as ApiError;
      }
      if (this.#reply.lastEvent > before) attempt = 0;
    }
    return networkError();
  }

  /** Replaces the received text by the stored conversation. */
  async #finishReply(error: ApiError | null): Promise<void> {
    const text = this.pendingReply.value?.text ?? '';
    // If it cannot be loaded, the received text stays until the next load.
    const stored = await this.#fetch(this.id.value ?? '').catch(() => null);
    batch(() => {
      if (stored) this.#show(stored);
      else this.messages.value = [...this.messages.value, this.#receivedMessage(text, error !== null)];
      this.pendingReply.value = null;
    });
    this.#onChange(this);
    notifyTabs('conversations');
    if (error) this.#fail(error, error.status === 0 ? 'load' : 'regenerate');
    else announce(`Reply: ${this.messages.value.at(-1)?.content ?? text}`);
  }

  #receivedMessage(content: string, isInterrupted: boolean): Message {
    const status = isInterrupted ? 'incomplete' : 'complete';
    const id = this.#reply.message;
    return { id, role: 'assistant', content, status, ...(this.model.value && { model: this.model.value }) };
  }

  #fail(thrown: unknown, retry: Problem['retry']): void {
    const error = thrown instanceof ApiError ? thrown : networkError();
    checkSession(error);
    this.problem.value = { error, retry };
    announce(error.message);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** The message that was being sent when the page was left. */
export function loadUnsent(): UnsentMessage | null {
  try {
    return JSON.parse(loadItem(sessionStorage, UNSENT) ?? 'null') as UnsentMessage | null;
  } catch {
    return null;
  }
}

export function clearUnsent(): void {
  saveItem(sessionStorage, UNSENT, null);
}
