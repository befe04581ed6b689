// The server-sent events of a reply.

import { createParser } from 'eventsource-parser';
import { ApiError, describeError, type ErrorBody } from './api';

export interface Evicted {
  id: string;
  title: string;
}

/** An event before the end of the reply. */
export type ReplyPart =
  | {
      kind: 'conversation';
      conversationId: string;
      messageId: string;
      title: string;
      model: string;
      /** The conversations that are deleted with the first word of the reply. */
      evicted: Evicted[];
    }
  | { kind: 'delta'; number: number; text: string }
  /** What the model thinks, from the UTF-16 unit `offset` on. */
  | { kind: 'reasoning'; offset: number; text: string }
  | { kind: 'error'; error: ApiError };

export type ReplyEvent = ReplyPart | { kind: 'done' };

/**
 * The events of a response as they arrive. Ends without `done` if the connection breaks. `onBytes` is called for
 * everything that arrives, heartbeats included.
 */
export async function* replyEvents(response: Response, onBytes: () => void): AsyncGenerator<ReplyEvent> {
  const events: ReplyEvent[] = [];
  const parser = createParser({
    onEvent({ event, id, data }) {
      const parsed = parseEvent(event, id, data);
      if (parsed) events.push(parsed);
    },
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const chunk = await reader?.read();
      if (!chunk || chunk.done) return;
      onBytes();
      parser.feed(chunk.value);
      yield* events.splice(0);
    }
  } catch {
    // A broken connection is like an end: the caller requests the rest.
  } finally {
    void reader?.cancel().catch(() => undefined);
  }
}

function parseEvent(name: string | undefined, id: string | undefined, data: string): ReplyEvent | null {
  if (data === '[DONE]') return { kind: 'done' };
  let body;
  try {
    body = JSON.parse(data) as Record<string, string> & { evicted?: Evicted[] };
  } catch {
    return null;
  }
  switch (name ?? 'message') {
    case 'message':
      return { kind: 'delta', number: Number(id), text: body.content ?? '' };
    case 'conversation': {
      const { conversationId = '', messageId = '', title = '', model = '', evicted = [] } = body;
      return { kind: 'conversation', conversationId, messageId, title, model, evicted };
    }
    case 'reasoning':
      return { kind: 'reasoning', offset: Number(body.offset), text: body.reasoning ?? '' };
    case 'error': {
      const { code, sentence } = describeError(502, body as ErrorBody);
      return { kind: 'error', error: new ApiError(502, code, sentence) };
    }
    default:
      return null;
  }
}
