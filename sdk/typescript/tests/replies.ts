// Replies, and what may happen to them on their way.
import { Goldfish, memoryStore } from 'goldfish-sdk';

import { MODEL, breakingWay, caught, eventsOf, guest, summary } from './tools.js';

const request = { message: 'Tell me everything.', model: MODEL };

/** The provider falls silent after two pieces: that they are here shows that they were not held back. */
export async function stream(base: string) {
  const goldfish = await guest(base);
  const reply = await goldfish.chats.sendMessage(request);
  const atOnce = reply.conversationId;
  const first: string[] = [];
  for await (const event of reply) {
    if (event.type !== 'content') continue;
    first.push(event.content);
    if (first.length === 2) break;
  }
  const twice = await caught(reply.finalText());
  await reply.stop();
  const conversation = await goldfish.chats.get(reply.conversationId);
  return {
    first,
    isKnownAtOnce: atOnce === conversation.id,
    isNamed: reply.messageId === conversation.messages[1]?.id,
    title: reply.title,
    model: reply.model,
    lastEventId: reply.lastEventId,
    twice,
    status: conversation.messages[1]?.status,
  };
}

async function through(base: string, marks: string[], idleTimeout?: number) {
  const way = await breakingWay(base, marks);
  try {
    const goldfish = await guest(way.base, idleTimeout === undefined ? {} : { idleTimeout });
    const reply = await goldfish.chats.sendMessage(request);
    const events = await eventsOf(reply);
    return { ...summary(events), cuts: way.cuts(), usage: reply.usage };
  } finally {
    way.close();
  }
}

/** Cut between and within events, again and again. */
export async function cutInTheMiddle(base: string) {
  return through(base, ['event: conversation', 'id: 3\n', '"w7 "', '"w7', '"w1', '"w12 "}\n', 'id: 20\n']);
}

/** Cut when every piece had come, and the end had not. */
export async function cutOff(base: string, mark: string) {
  return through(base, [mark]);
}

/** Cut before there was any answer: the request itself is sent again. */
export async function cutBeforeTheAnswer(base: string) {
  // `POST /api/v1/auth/guest` is answered 201, what follows is not.
  return through(base, ['HTTP/1.1 200']);
}

/** A connection that is open, and says nothing any more. */
export async function silence(base: string) {
  const sent: string[] = [];
  const goldfish = await guest(base, {
    idleTimeout: 300,
    fetch: async (input, init) => {
      const path = new URL(String(input)).pathname;
      sent.push(`${init?.method} ${path.replace(/[0-9a-f-]{36}/, ':id')}`);
      const response = await fetch(input, init);
      if (path !== '/api/chat') return response;
      const [piece] = String(await response.text()).split('id: 3\n');
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode(piece)),
      });
      return new Response(body, { status: response.status, headers: response.headers });
    },
  });
  const reply = await goldfish.chats.sendMessage(request);
  return { ...summary(await eventsOf(reply)), sent };
}

/** The provider breaks off. */
export async function brokenOff(base: string) {
  const goldfish = await guest(base);
  const events = await eventsOf(await goldfish.chats.sendMessage(request));
  const failed = events.find((event) => event.type === 'error');
  const again = await goldfish.chats.sendMessage(request);
  return {
    ...summary(events),
    error: failed && (await caught(Promise.reject(failed.error))),
    text2: await caught(again.finalText()),
  };
}

/** Whoever has enough leaves; the reply goes on, until it is told to stop. */
export async function abort(base: string) {
  const goldfish = await guest(base);
  const leaving = new AbortController();
  const reply = await goldfish.chats.sendMessage(request, { signal: leaving.signal });
  const read = (async () => {
    for await (const event of reply) if (event.type === 'content') leaving.abort();
  })();
  const left = await caught(read);
  const id = reply.conversationId;
  const resumed = await goldfish.chats.resume(id, { lastEventId: reply.lastEventId });
  const stopped = await goldfish.chats.stop(id);
  const rest = resumed && summary(await eventsOf(resumed));
  const early = AbortSignal.abort();
  return {
    left,
    rest,
    stopped,
    stoppedAgain: await goldfish.chats.stop(id),
    nothingLeft: (await goldfish.chats.resume(id)) ?? null,
    status: (await goldfish.chats.get(id)).messages[1]?.status,
    early: await caught(goldfish.chats.sendMessage(request, { signal: early })),
  };
}

/** Another client of the same user reads along and stops what the first one reads. */
export async function stopElsewhere(base: string) {
  const store = memoryStore();
  const here = await guest(base, { store });
  const there = new Goldfish({ baseUrl: base, store });
  const reply = await here.chats.sendMessage(request);
  const iterator = reply[Symbol.asyncIterator]();
  const first = await iterator.next();
  const id = reply.conversationId;
  const along = await there.chats.resume(id);
  const stopped = await there.chats.stop(id);
  const others: string[] = [];
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
    if (next.value.type !== 'content') others.push(next.value.type);
  }
  const status = (await there.chats.get(id)).messages[1]?.status;
  const read = along && summary(await eventsOf(along)).others;
  return { first: first.value?.type, stopped, others, along: read, status };
}

/** Another reply in place of the first. */
export async function regenerate(base: string) {
  const goldfish = await guest(base);
  const reply = await goldfish.chats.sendMessage(request);
  const first = await reply.finalText();
  const id = reply.conversationId;
  const again = await goldfish.chats.regenerate(id, { temperature: 0.5 });
  const pieces: string[] = [];
  for await (const piece of again.text()) pieces.push(piece);
  const more = await goldfish.chats.sendMessage(id, [{ role: 'user', content: 'And?' }]);
  await more.finalText();
  const { messages } = await goldfish.chats.get(id);
  return { first, pieces, roles: messages.map((message) => message.role), said: messages[2]?.content };
}
