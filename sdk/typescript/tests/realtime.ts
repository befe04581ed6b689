// Events as they happen.
import { type AnyRealtimeEvent, type ConversationSocketEvent, Goldfish } from 'goldfish-sdk';

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

/** Where no WebSocket can be opened, server-sent events bring the same. */
export async function realtimeWithoutSockets(base: string) {
  const [ana, ben] = [await guest(base), await guest(base)];
  const channel = await ana.channels.create({ name: 'Design' });
  await ben.members.join(channel.id);
  const { id: benId } = await ben.auth.me();
  const thread = await ana.threads.create({ channelId: channel.id, name: 'Logo' });
  const other = await ana.threads.create({ channelId: channel.id, name: 'Colours' });
  const post = (threadId: string, content: string) => ana.messages.post({ threadId, content });
  await post(thread.id, 'one');
  const seen: AnyRealtimeEvent[] = [];
  const connection = ben.realtime.connect({ maxReconnectWait: 100 });
  connection.on('*', (event) => seen.push(event));
  const isMessage = (content: string) => (event: AnyRealtimeEvent) => event.type === 'NEW_MESSAGE' && event.payload.content === content;
  connection.follow({ threadId: thread.id }, 0);
  await next(seen, isMessage('one'));
  await post(thread.id, 'two');
  await next(seen, isMessage('two'));
  connection.follow({ threadId: other.id });
  connection.follow('feed');
  // Until it is followed, messages are not of interest.
  for (let tries = 0; !seen.some((event) => event.type === 'NEW_MESSAGE' && event.payload.threadId === other.id); tries += 1) {
    if (tries > 200) throw new Error(`Seen: ${JSON.stringify(seen)}`);
    await post(other.id, `try ${tries}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await post(thread.id, 'three');
  await next(seen, isMessage('three'));
  await ana.messages.post({ threadId: thread.id, content: `Hello @${benId}` });
  const mention = await next(seen, (event) => event.type === 'MENTION');
  await ana.members.remove(channel.id, benId);
  const left = await next(seen, (event) => event.type === 'LEFT');
  connection.close();
  const { limits } = await ben.realtime.connections();
  const messages = seen.filter((event) => event.type === 'NEW_MESSAGE' && event.payload.threadId === thread.id);
  return {
    contents: messages.map((event) => event.type === 'NEW_MESSAGE' && event.payload.content).slice(0, 3),
    mention: mention.type,
    left: left.type,
    messagesPerMinute: limits.messagesPerMinute,
  };
}

/** Follows a thread, loses the connection, and has every message once and in its order; and none after leaving. */
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
  const last = await next(seen, isMessage('three'));
  const { id: benId } = await ben.auth.me();
  await ana.members.remove(channel.id, benId);
  await next(seen, (event) => event.type === 'LEFT');
  // What was sent before the removal can arrive after it.
  const [events, before] = [sockets.at(-1), seen.length];
  const late = (message: object) => events?.onmessage?.(new MessageEvent('message', { data: JSON.stringify(message) }));
  late({ ...last, number: 1_000_000 });
  late({ type: 'TYPING', payload: { threadId: thread.id, userId: benId, state: 'start', expiresIn: 6_000 } });
  const afterLeaving = seen.length - before;
  connection.close();
  const messages = seen.filter((event) => event.type === 'NEW_MESSAGE');
  return { contents: messages.map((event) => event.payload.content), sockets: sockets.length, afterLeaving };
}

/** A reply in two tabs, one of which loses its connection again and again. */
export async function conversation(base: string) {
  const client = await guest(base);
  const { chat } = await client.alleatoChats.create();
  const sockets: WebSocket[] = [];
  class Recorded extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const open = (Socket: typeof WebSocket) => client.realtime.conversation(chat.id, { WebSocket: Socket, maxReconnectWait: 50 });
  const [one, other] = [open(Recorded), open(WebSocket)];
  const seen = { one: [] as ConversationSocketEvent[], other: [] as ConversationSocketEvent[] };
  one.on('*', (event) => seen.one.push(event));
  other.on('*', (event) => seen.other.push(event));
  const until = async (events: ConversationSocketEvent[], condition: (event: ConversationSocketEvent) => boolean) => {
    for (let tries = 0; !events.some(condition); tries += 1) {
      if (tries > 3_000) throw new Error(`Seen: ${JSON.stringify(events)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await until(seen.one, ({ type }) => type === 'conversation');
  await until(seen.other, ({ type }) => type === 'conversation');
  const id = one.send('Count.');
  for (let cut = 0; cut < 4; cut += 1) {
    const parts = seen.one.filter(({ type }) => type === 'delta').length;
    await until(seen.one, () => seen.one.filter(({ type }) => type === 'delta').length > parts || seen.one.some(({ type }) => type === 'end'));
    for (const socket of sockets) socket.close();
  }
  await until(seen.one, ({ type }) => type === 'end');
  await until(seen.other, ({ type }) => type === 'end');
  one.close();
  other.close();
  const stored = await client.chats.get(chat.id);
  const joined = (events: ConversationSocketEvent[]) => events.map((event) => (event.type === 'delta' ? event.delta : '')).join('');
  const isAsked = (event: ConversationSocketEvent) => event.type === 'message' && event.id === id;
  return {
    stored: stored.messages[1]?.content,
    messages: stored.messages.length,
    one: joined(seen.one),
    other: joined(seen.other),
    ends: [seen.one, seen.other].map((events) => events.filter(({ type }) => type === 'end').length),
    asked: seen.other.some(isAsked),
    sockets: sockets.length,
  };
}
