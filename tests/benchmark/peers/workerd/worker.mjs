// A chat backend in the design of goldfish.chat's first backend: a Durable Object for each user keeps three
// conversations, one for each thread keeps its messages and its WebSockets. There is no authentication: the path
// names the user or the thread.

const MAX_CONVERSATIONS = 3;

/** A user's conversations. */
export class UserChats {
  constructor(state) {
    this.storage = state.storage;
  }

  async fetch(request) {
    const { pathname } = new URL(request.url);
    const conversations = (await this.storage.get('conversations')) ?? [];
    if (pathname === '/conversations') {
      const list = conversations.map(({ id, title, updatedAt }) => ({ id, title, updatedAt }));
      return Response.json({ conversations: list });
    }
    const { id, role, content } = await request.json();
    let conversation = conversations.find((conversation) => conversation.id === id);
    if (!conversation) {
      conversation = { id, title: content.slice(0, 50), messages: [] };
      conversations.unshift(conversation);
      conversations.splice(MAX_CONVERSATIONS);
    }
    conversation.messages.push({ role, content, timestamp: Date.now() });
    conversation.updatedAt = Date.now();
    await this.storage.put('conversations', conversations);
    return Response.json({ messages: conversation.messages });
  }
}

/** A thread's messages and those who follow it. */
export class Thread {
  constructor(state) {
    this.state = state;
    state.storage.sql.exec('CREATE TABLE IF NOT EXISTS messages (number INTEGER PRIMARY KEY, content TEXT NOT NULL)');
  }

  async fetch(request) {
    if (request.headers.get('upgrade') === 'websocket') {
      const { 0: client, 1: server } = new WebSocketPair();
      this.state.acceptWebSocket(server);
      return new Response(null, { status: 101, webSocket: client });
    }
    const { content } = await request.json();
    const row = this.state.storage.sql
      .exec('INSERT INTO messages (content) VALUES (?) RETURNING number', content)
      .one();
    const message = { number: row.number, content, createdAt: new Date().toISOString() };
    const event = JSON.stringify({ type: 'NEW_MESSAGE', payload: message });
    for (const socket of this.state.getWebSockets()) socket.send(event);
    return Response.json(message, { status: 201 });
  }

  webSocketMessage() {}

  webSocketClose() {}
}

const object = (namespace, name) => namespace.get(namespace.idFromName(name));

/** Streams the reply of the provider, and stores it at its end. */
async function chat(request, env, context, user) {
  const { message, model } = await request.json();
  const id = crypto.randomUUID();
  const users = object(env.USERS, user);
  const append = (role, content) =>
    users.fetch('http://object/messages', { method: 'POST', body: JSON.stringify({ id, role, content }) });
  const { messages } = await (await append('user', message)).json();
  const response = await fetch(`${env.PROVIDER}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk-benchmark', 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      messages: messages.map(({ role, content }) => ({ role, content })),
      stream: true,
    }),
  });
  const { readable, writable } = new TransformStream();
  const relay = async () => {
    const writer = writable.getWriter();
    const encoder = new TextEncoder();
    let reply = '';
    let rest = '';
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        if (!line.startsWith('data: ') || line === 'data: [DONE]') continue;
        const content = JSON.parse(line.slice(6)).choices?.[0]?.delta?.content;
        if (!content) continue;
        reply += content;
        await writer.write(encoder.encode(`data: ${JSON.stringify({ content })}\n\n`));
      }
    }
    await append('assistant', reply);
    await writer.write(encoder.encode('data: [DONE]\n\n'));
    await writer.close();
  };
  context.waitUntil(relay());
  return new Response(readable, { headers: { 'content-type': 'text/event-stream', 'x-conversation-id': id } });
}

export default {
  async fetch(request, env, context) {
    const [, kind, name, resource] = new URL(request.url).pathname.split('/');
    if (kind === 'threads') return object(env.THREADS, name).fetch(request);
    if (kind === 'users' && resource === 'chat') return chat(request, env, context, name);
    if (kind === 'users') return object(env.USERS, name).fetch('http://object/conversations');
    return new Response(null, { status: 404 });
  },
};
