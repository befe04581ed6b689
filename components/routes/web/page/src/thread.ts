// One conversation as it is on the screen: its messages, the reply under way, and what went wrong.

import { batch, signal } from '@preact/signals';
import { announce } from './announce';
import { ask, askJson, type Conversation, Failure, type Message, unreachable } from './api';
import { type ReplyEvent, repliesOf } from './events';
import { keep, kept } from './kept';
import { defaultModel, enter, mind } from './session';
import { tellTabs } from './tabs';

/** Pauses before a broken connection is tried again, in milliseconds; the last one goes on. */
const PAUSES = [300, 1000, 2000, 5000];
/** How often in a row. */
const TRIES = 12;
const UNSENT = 'goldfish-unsent';

/** A message on its way to the server. The key keeps it from being taken twice. */
export interface Unsent {
  key: string;
  conversationId: string | null;
  message: string;
  model: string | null;
}

export interface Underway {
  phase: 'sending' | 'waiting' | 'speaking' | 'stopping';
  text: string;
}

export interface Problem {
  failure: Failure;
  /** What may help: to send the same message again, to ask for another reply, or to look again. */
  again: Unsent | 'regenerate' | 'load';
}

type Changed = (thread: Thread) => void;

export class Thread {
  readonly id = signal<string | null>(null);
  readonly title = signal('');
  readonly model = signal<string | null>(null);
  readonly messages = signal<Message[]>([]);
  readonly underway = signal<Underway | null>(null);
  readonly problem = signal<Problem | null>(null);
  readonly isLoading = signal(false);
  /** As of the last load. */
  updatedAt = 0;
  /** Which reply the events are of, and the last of them that came. */
  #reply = { message: '', last: 0 };
  #failed: Failure | null = null;
  /** Of the message that was sent last. */
  #key = '';
  #wantsStop = false;
  #changed: Changed;

  /** `changed` is called when the list of conversations has. */
  constructor(id: string | null, changed: Changed) {
    this.id.value = id;
    this.#changed = changed;
  }

  get isBusy(): boolean {
    return this.underway.value !== null;
  }

  /** What the server has; and, unless `alone`, reads along if a reply is under way there. */
  async load(alone = false): Promise<void> {
    const id = this.id.value;
    if (!id || this.isBusy) return;
    this.isLoading.value = this.messages.value.length === 0;
    let isUnderway = false;
    try {
      const found = await this.#fetch(id);
      if (this.isBusy) return;
      isUnderway = !alone && found.messages.at(-1)?.status === 'streaming';
      batch(() => {
        this.#show(found);
        this.problem.value = null;
        if (!isUnderway) return;
        this.messages.value = found.messages.slice(0, -1);
        this.#begin('waiting');
      });
    } catch (failure) {
      this.#fail(failure, 'load');
    } finally {
      this.isLoading.value = false;
    }
    if (isUnderway) await this.#end(await this.#resume());
  }

  #fetch(id: string): Promise<Conversation> {
    return askJson<Conversation>('GET', `/api/conversations/${id}`);
  }

  #show(found: Conversation): void {
    this.title.value = found.title;
    this.model.value = found.model;
    this.messages.value = found.messages;
    this.updatedAt = found.updatedAt;
  }

  /** Sends a message, and takes the reply. Nothing happens while another is under way. */
  async send(message: string): Promise<void> {
    const key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    const model = this.model.value ?? defaultModel.value;
    await this.resend({ key, conversationId: this.id.value, message, model });
  }

  async resend(unsent: Unsent): Promise<void> {
    if (this.isBusy) return;
    const { key, conversationId, message, model } = unsent;
    this.#begin('sending');
    this.#key = key;
    const isShown = this.messages.value.at(-1)?.id === key;
    if (!isShown) {
      const shown: Message = { id: key, role: 'user', content: message, status: 'complete' };
      this.messages.value = [...this.messages.value, shown];
    }
    keep(sessionStorage, UNSENT, JSON.stringify(unsent));
    const body = {
      message,
      ...(conversationId && { conversationId }),
      ...(model && { model }),
    };
    await this.#converse(unsent, async () => {
      await enter();
      return ask('POST', '/api/chat', { body, headers: { 'idempotency-key': key } });
    });
  }

  /** Asks for another reply in place of the last one. */
  async regenerate(): Promise<void> {
    const id = this.id.value;
    if (!id || this.isBusy) return;
    this.#begin('sending');
    const messages = this.messages.value;
    if (messages.at(-1)?.role === 'assistant') this.messages.value = messages.slice(0, -1);
    const body = this.model.value ? { model: this.model.value } : {};
    await this.#converse('regenerate', () =>
      ask('POST', `/api/conversations/${id}/regenerate`, { body }),
    );
  }

  /** Ends the reply; what was said stays. */
  async stop(): Promise<void> {
    const id = this.id.value;
    if (!this.underway.value) return;
    this.#enter('stopping');
    // Where the conversation is not known yet, as soon as it is.
    this.#wantsStop = true;
    if (!id || !this.#reply.message) return;
    try {
      await askJson('POST', `/api/conversations/${id}/stop`);
    } catch (failure) {
      if (this.underway.value) this.#enter('speaking');
      announce(failure instanceof Failure ? failure.message : 'The reply could not be stopped.');
    }
  }

  /** Takes a message that could not be sent off the screen, to be written anew. */
  withdraw(unsent: Unsent): string {
    keep(sessionStorage, UNSENT, null);
    batch(() => {
      this.problem.value = null;
      this.messages.value = this.messages.value.filter((message) => message.id !== unsent.key);
    });
    return unsent.message;
  }

  #begin(phase: Underway['phase']): void {
    this.#reply = { message: '', last: 0 };
    this.#wantsStop = false;
    batch(() => {
      this.problem.value = null;
      this.underway.value = { phase, text: '' };
    });
    announce('Waiting for the reply.');
  }

  #enter(phase: Underway['phase']): void {
    const text = this.underway.value?.text ?? '';
    this.underway.value = { phase, text };
  }

  /** From a request to the end of its reply, over broken connections. */
  async #converse(again: Unsent | 'regenerate', request: () => Promise<Response>): Promise<void> {
    try {
      const response = await request();
      this.id.value ??= response.headers.get('x-conversation-id');
      if (await this.#take(response)) await this.#end(this.#failed);
      else if (this.id.value) await this.#end(await this.#resume());
      else throw unreachable();
    } catch (thrown) {
      const failure = thrown instanceof Failure ? thrown : unreachable();
      if (failure.storedIn) {
        // The message is there; it is the reply that there is none of.
        this.id.value = failure.storedIn;
        keep(sessionStorage, UNSENT, null);
        this.#changed(this);
        await this.#end(failure);
        return;
      }
      this.underway.value = null;
      this.#fail(failure, again);
    }
  }

  /** Takes a reply's events in. False if they ended too early. */
  async #take(response: Response): Promise<boolean> {
    this.#failed = null;
    this.#enter(this.#wantsStop ? 'stopping' : 'waiting');
    for await (const event of repliesOf(response)) {
      if (event.kind === 'done') return true;
      this.#note(event);
    }
    return false;
  }

  #note(event: ReplyEvent): void {
    switch (event.kind) {
      case 'begun':
        this.#reply.message = event.messageId;
        batch(() => {
          this.id.value = event.conversationId;
          this.title.value = event.title;
          this.model.value = event.model;
          this.#dropRepeated(event.messageId);
        });
        keep(sessionStorage, UNSENT, null);
        this.#changed(this);
        if (this.#wantsStop) void this.stop();
        break;
      case 'said': {
        // After a new connection some of it may come again.
        if (event.number <= this.#reply.last) break;
        this.#reply.last = event.number;
        const { phase, text } = this.underway.value ?? { phase: 'speaking', text: '' };
        const next = phase === 'stopping' ? phase : 'speaking';
        this.underway.value = { phase: next, text: text + event.text };
        break;
      }
      case 'failed':
        this.#failed = event.failure;
        break;
    }
  }

  /** A message that was sent again may have been stored the first time, and its reply too. */
  #dropRepeated(reply: string): void {
    const messages = this.messages.value;
    const isStored = messages.some((message) => message.id === reply);
    if (isStored) this.messages.value = messages.filter(({ id }) => id !== reply && id !== this.#key);
  }

  /** Asks for the rest of a reply until it has ended. What went wrong with it, if anything. */
  async #resume(): Promise<Failure | null> {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      if (attempt > 0) await pause(PAUSES[Math.min(attempt, PAUSES.length) - 1] ?? 0);
      const before = this.#reply.last;
      try {
        const { message, last } = this.#reply;
        const query = message ? `?messageId=${encodeURIComponent(message)}` : '';
        const headers: Record<string, string> = last > 0 ? { 'last-event-id': String(last) } : {};
        const response = await ask('GET', `/api/conversations/${this.id.value}/stream${query}`, { headers });
        // Nothing of it is missing here any more, or it is stored already.
        if (response.status === 204 || (await this.#take(response))) return this.#failed;
      } catch (failure) {
        const { status } = failure as Failure;
        if (status >= 400 && status < 500 && status !== 429) return failure as Failure;
      }
      if (this.#reply.last > before) attempt = 0;
    }
    return unreachable();
  }

  /** Shows what is stored in place of what came. */
  async #end(failed: Failure | null): Promise<void> {
    const said = this.underway.value?.text ?? '';
    // Where it cannot be had, the next load shows it; what came is not lost meanwhile.
    const found = await this.#fetch(this.id.value ?? '').catch(() => null);
    batch(() => {
      if (found) this.#show(found);
      else this.messages.value = [...this.messages.value, this.#received(said, failed !== null)];
      this.underway.value = null;
    });
    this.#changed(this);
    tellTabs('conversations');
    if (failed) this.#fail(failed, failed.status === 0 ? 'load' : 'regenerate');
    else announce(`Reply: ${this.messages.value.at(-1)?.content ?? said}`);
  }

  #received(content: string, isBroken: boolean): Message {
    const status = isBroken ? 'incomplete' : 'complete';
    const id = this.#reply.message;
    return { id, role: 'assistant', content, status, ...(this.model.value && { model: this.model.value }) };
  }

  #fail(thrown: unknown, again: Problem['again']): void {
    const failure = thrown instanceof Failure ? thrown : unreachable();
    mind(failure);
    this.problem.value = { failure, again };
    announce(failure.message);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** The message that was on its way when the page was left. */
export function leftUnsent(): Unsent | null {
  try {
    return JSON.parse(kept(sessionStorage, UNSENT) ?? 'null') as Unsent | null;
  } catch {
    return null;
  }
}

export function forgetUnsent(): void {
  keep(sessionStorage, UNSENT, null);
}
