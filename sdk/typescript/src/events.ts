import { createParser, type EventSourceMessage } from 'eventsource-parser';

import { GoldfishError } from './error.js';
import type { components } from './schema.js';

type Schemas = components['schemas'];

/** The first event: the conversation and the id of the reply. */
export type ConversationEvent = { type: 'conversation' } & Schemas['ConversationEvent'];
/** The next part of the reply; `id` counts from 1. */
export type ContentEvent = { type: 'content'; id: number } & Schemas['ContentEvent'];
/** The next part of what the model thinks before it replies. */
export type ReasoningEvent = { type: 'reasoning' } & Schemas['ReasoningEvent'];
/** The tokens that the reply took. */
export type UsageEvent = { type: 'usage' } & Schemas['UsageEvent'];
/** The reply was interrupted; the part that was received is stored. */
export type ErrorEvent = { type: 'error'; error: GoldfishError };
/** The last event. */
export type DoneEvent = { type: 'done' };

export type ReplyEvent = ConversationEvent | ContentEvent | ReasoningEvent | UsageEvent | ErrorEvent | DoneEvent;

/** Parses an event; `undefined` if this version does not know it. */
function parseEvent({ event, data, id }: EventSourceMessage): ReplyEvent | undefined {
  if (data === '[DONE]') return { type: 'done' };
  const value = JSON.parse(data);
  switch (event) {
    case undefined:
      return { type: 'content', id: Number(id), ...value };
    case 'conversation':
    case 'reasoning':
    case 'usage':
      return { type: event, ...value };
    case 'error':
      return { type: 'error', error: GoldfishError.fromEvent(value) };
    default:
      return undefined;
  }
}

/**
 * The events of one response. Ends when the response ends, complete or not. Fails when the connection
 * breaks, and when no data, not even a heartbeat, arrives for `idleTimeout` milliseconds.
 */
export async function* readEvents(
  response: Response,
  idleTimeout: number,
): AsyncGenerator<ReplyEvent, void, undefined> {
  const reader = response.body?.getReader();
  if (!reader) return;
  const events: ReplyEvent[] = [];
  const parser = createParser({
    onEvent: (message) => {
      const event = parseEvent(message);
      if (event) events.push(event);
    },
  });
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await withTimeout(reader.read(), idleTimeout);
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* events.splice(0);
    }
  } finally {
    // Also if the caller stops reading: closes the connection.
    await reader.cancel().catch(() => undefined);
  }
}

async function withTimeout<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No data for ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
