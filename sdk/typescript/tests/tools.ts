// What the steps have in common.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

import { Goldfish, GoldfishError, type GoldfishOptions, type ReplyEvent, type ReplyStream } from 'goldfish-sdk';

export const MODEL = 'gpt-4o';

/** A client, as a guest. */
export async function guest(baseUrl: string, options: Partial<GoldfishOptions> = {}): Promise<Goldfish> {
  const goldfish = new Goldfish({ baseUrl, ...options });
  await goldfish.auth.guest();
  return goldfish;
}

export async function eventsOf(reply: ReplyStream): Promise<ReplyEvent[]> {
  const events: ReplyEvent[] = [];
  for await (const event of reply) events.push(event);
  return events;
}

/** Events as the suite compares them: the pieces joined, the rest by name. */
export function summary(events: ReplyEvent[]) {
  const pieces = events.filter((event) => event.type === 'content');
  return {
    text: pieces.map((piece) => piece.content).join(''),
    ids: pieces.map((piece) => piece.id),
    others: events.filter((event) => event.type !== 'content').map((event) => event.type),
  };
}

/** What somebody who catches it can see of an error. */
export async function caught(work: Promise<unknown>) {
  try {
    await work;
    return { caught: null };
  } catch (error) {
    if (!(error instanceof GoldfishError)) return { caught: (error as Error).name };
    const { status, code, requestId, details, retryAfter, message } = error;
    return { caught: error.name, status, code, requestId, details, retryAfter, message };
  }
}

/** Counts requests by method and path, and passes them on. */
export function counting(counts: Record<string, number>): typeof fetch {
  return (input, init) => {
    const name = `${init?.method} ${new URL(String(input)).pathname}`;
    counts[name] = (counts[name] ?? 0) + 1;
    return fetch(input, init);
  };
}

/**
 * A way to the backend that breaks: as soon as the next of `marks` has passed towards the client, and
 * not a byte after it, that connection is cut.
 */
export async function breakingWay(base: string, marks: string[]): Promise<{ base: string; cuts: () => number; close: () => void }> {
  const target = new URL(base);
  const all = marks.length;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const backend = connect(Number(target.port), target.hostname);
    let passed = '';
    for (const socket of [client, backend]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => (socket === client ? backend : client).destroy());
    }
    client.pipe(backend);
    backend.on('data', (bytes) => {
      const mark = marks[0];
      const before = passed.length;
      passed += bytes.toString('latin1');
      const at = mark === undefined ? -1 : passed.indexOf(mark, Math.max(0, before - mark.length));
      if (mark === undefined || at < 0) return void client.write(bytes);
      marks.shift();
      const rest = bytes.subarray(0, Math.max(0, at + mark.length - before));
      client.write(rest, () => client.resetAndDestroy());
      backend.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cuts: () => all - marks.length,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
