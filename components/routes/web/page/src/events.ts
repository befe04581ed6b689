// A reply's events, from the answer that streams them.

import { createParser } from 'eventsource-parser';
import { type ErrorBody, Failure, words } from './api';

export type ReplyEvent =
  | { kind: 'begun'; conversationId: string; messageId: string; title: string; model: string }
  | { kind: 'said'; number: number; text: string }
  | { kind: 'failed'; failure: Failure }
  | { kind: 'done' };

/** Gives the events as they come. Ends without `done` if the connection breaks. */
export async function* repliesOf(response: Response): AsyncGenerator<ReplyEvent> {
  const arrived: ReplyEvent[] = [];
  const parser = createParser({
    onEvent(event) {
      const read = understood(event.event, event.id, event.data);
      if (read) arrived.push(read);
    },
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const part = await reader?.read();
      if (!part || part.done) return;
      parser.feed(part.value);
      yield* arrived.splice(0);
    }
  } catch {
    // As good as an end: whoever reads asks for what is missing.
  } finally {
    void reader?.cancel().catch(() => undefined);
  }
}

function understood(name: string | undefined, id: string | undefined, data: string): ReplyEvent | null {
  if (data === '[DONE]') return { kind: 'done' };
  let body;
  try {
    body = JSON.parse(data) as Record<string, string>;
  } catch {
    return null;
  }
  switch (name ?? 'message') {
    case 'message':
      return { kind: 'said', number: Number(id), text: body.content ?? '' };
    case 'conversation': {
      const { conversationId = '', messageId = '', title = '', model = '' } = body;
      return { kind: 'begun', conversationId, messageId, title, model };
    }
    case 'error': {
      const { code, sentence } = words(502, body as ErrorBody);
      return { kind: 'failed', failure: new Failure(502, code, sentence) };
    }
    default:
      return null;
  }
}
