// Events as they happen.
import { type AnyRealtimeEvent, Goldfish } from 'goldfish-sdk';

import { guest } from './tools.js';

/** Waits for an event of a type that satisfies a condition. */
function next(seen: AnyRealtimeEvent[], condition: (event: AnyRealtimeEvent) => boolean): Promise<AnyRealtimeEvent> {
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => reject(new Error(`Seen: ${JSON.stringify(seen)}`)), 60_000);
    const poll = setInterval(() => {
      const found = seen.find(condition);
      if (!found) return;
      clearInterval(poll);
      clearTimeout(deadline);
      resolve(found);
    }, 20);
  });
}

/** Follows a thread, loses the connection, and has every message once and in its order. */
export async function realtime(base: string) {
  const [ana, ben] = [await guest(base), await guest(base)];
  const channel = await ana.channels.create({ name: 'Design' });
  await ben.members.join(channel.id);
  const thread = await ana.threads.create({ channelId: channel.id, name: 'Logo' });
  const seen: AnyRealtimeEvent[] = [];
  const sockets: WebSocket[] = [];
  class Recorded extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const connection = ben.realtime.connect({ WebSocket: Recorded, maxReconnectWait: 100 });
  connection.on('*', (event) => seen.push(event));
  connection.follow({ threadId: thread.id }, 0);
  const post = (client: Goldfish, content: string) => client.messages.post({ threadId: thread.id, content });
  const isMessage = (content: string) => (event: AnyRealtimeEvent) => event.type === 'NEW_MESSAGE' && event.payload.content === content;
  await post(ana, 'one');
  await next(seen, isMessage('one'));
  for (const socket of sockets) socket.close();
  await post(ana, 'two');
  await next(seen, isMessage('two'));
  await post(ana, 'three');
  await next(seen, isMessage('three'));
  connection.close();
  const messages = seen.filter((event) => event.type === 'NEW_MESSAGE');
  return { contents: messages.map((event) => event.payload.content), sockets: sockets.length };
}
