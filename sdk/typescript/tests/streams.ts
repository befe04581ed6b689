// Streams, and chats in the shapes of alleato.
import { alleato, configureAlleato } from 'goldfish-sdk';

import { caught, guest } from './tools.js';

export async function streamsOf(base: string) {
  const { streams } = await guest(base);
  const stream = await streams.create({ visibility: 'link' });
  await streams.append(stream.id, { number: 1 });
  const producer = { id: 'writer', epoch: 0, sequence: 0 };
  await streams.append(stream.id, [{ number: 2 }, { number: 3 }], { producer });
  // A repetition has no effect.
  await streams.append(stream.id, [{ number: 2 }, { number: 3 }], { producer });
  const first = await streams.read(stream.id);
  const followed: unknown[] = [];
  const following = (async () => {
    for await (const { content } of streams.follow(stream.id)) followed.push(...(content as unknown[]));
  })();
  await streams.append(stream.id, { number: 4 }, { close: true });
  await following;
  const anonymous = await fetch(stream.link ?? '');
  const hidden = await streams.setVisibility(stream.id, 'private');
  const text = await streams.create({ contentType: 'text/plain' });
  await streams.append(text.id, 'Hello', { contentType: 'text/plain' });
  await streams.close(text.id);
  const listed = await streams.list({ limit: 1 });
  const refused = await caught(streams.append(text.id, 'more', { contentType: 'text/plain' }));
  const read = await streams.read<string>(text.id);
  await streams.delete(text.id);
  return {
    first: first.content,
    upToDate: first.upToDate,
    followed,
    anonymous: await anonymous.json(),
    visibility: [stream.visibility, hidden.visibility],
    text: [read.content, read.closed],
    listed: listed.streams.map(({ id }) => id === text.id),
    refused,
    gone: await caught(streams.read(text.id)),
  };
}

/** The example of alleato's own documentation. */
export async function alleatoOf(base: string, more: string) {
  configureAlleato({ baseUrl: base });
  const [email = '', password = ''] = more.split(' ');
  await alleato.auth.register(email, password);
  const file = new File(['# Notes'], 'notes.md', { type: 'text/markdown' });

  // Login
  const { user, token } = await alleato.auth.login(email, password);

  // Create chat
  const { chat } = await alleato.chats.create({ title: 'New Chat' });

  // Send message with streaming
  const stream = await alleato.chats.sendMessage(
    chat.id,
    [{ role: 'user', content: 'Hello!' }]
  );

  // Upload file
  const result = await alleato.files.upload(file);

  const text = await stream.finalText();
  const stored = (await alleato.chats.get(chat.id)).chat;
  const { chats } = await alleato.chats.list();
  await alleato.chats.delete(chat.id);
  return {
    email: user.email,
    token: token.length > 0,
    title: chat.title,
    text,
    messages: stored.messages.map(({ role }) => role),
    file: result.name,
    listed: chats.map(({ id }) => id === chat.id),
    gone: await caught(alleato.chats.get(chat.id)),
  };
}
