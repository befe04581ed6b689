import { createParser, type EventSourceMessage } from 'eventsource-parser';

import { GoldfishError } from './error.js';
import type { components } from './schema.js';

type Schemas = components['schemas'];

/** Where the reply will be found; the first event. */
export type ConversationEvent = { type: 'conversation' } & Schemas['ConversationEvent'];
/** A piece of the reply, numbered from 1. */
export type ContentEvent = { type: 'content'; id: number } & Schemas['ContentEvent'];
/** What the reply took. */
export type UsageEvent = { type: 'usage' } & Schemas['UsageEvent'];
/** The reply broke off; what had arrived is stored. */
export type ErrorEvent = { type: 'error'; error: GoldfishError };
/** The last event. */
export type DoneEvent = { type: 'done' };

export type ReplyEvent = ConversationEvent | ContentEvent | UsageEvent | ErrorEvent | DoneEvent;

/** An event as the backend sends it; none of those that this version does not know. */
function parsed({ event, data, id }: EventSourceMessage): ReplyEvent | undefined {
  if (data === '[DONE]') return { type: 'done' };
  const value = JSON.parse(data);
  switch (event) {
    case undefined:
      return { type: 'content', id: Number(id), ...value };
    case 'conversation':
    case 'usage':
      return { type: event, ...value };
    case 'error':
      return { type: 'error', error: GoldfishError.fromEvent(value) };
    default:
      return undefined;
  }
}

/**
 * The events of one answer. It ends where the answer does, be it whole or not; it fails when the
 * connection does, and when nothing, not even a sign of life, has come for `patience` milliseconds.
 */
export async function* readEvents(
  response: Response,
  patience: number,
): AsyncGenerator<ReplyEvent, void, undefined> {
  const reader = response.body?.getReader();
  if (!reader) return;
  const events: ReplyEvent[] = [];
  const parser = createParser({
    onEvent: (message) => {
      const event = parsed(message);
      if (event) events.push(event);
    },
  });
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await inTime(reader.read(), patience);
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* events.splice(0);
    }
  } finally {
    // Also when whoever reads has enough: the connection is of no more use.
    await reader.cancel().catch(() => undefined);
  }
}

async function inTime<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Silence for ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
