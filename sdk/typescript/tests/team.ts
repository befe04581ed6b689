// Channels, threads and messages.
import { Goldfish } from 'goldfish-sdk';

import { breakingWay, caught, guest } from './tools.js';

const PASSWORD = 'Vortex-lantern-83-mosaic';

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function member(base: string, name: string): Promise<{ goldfish: Goldfish; id: string }> {
  const goldfish = new Goldfish({ baseUrl: base });
  const email = `${name.toLowerCase()}.${crypto.randomUUID()}@example.com`;
  const session = await goldfish.auth.register(email, PASSWORD, { name });
  if (!('user' in session)) throw new Error('Nobody is signed in');
  return { goldfish, id: session.user.id };
}

/** Everything that the library does with a team, once. */
export async function team(base: string) {
  const [ana, ben] = [await member(base, 'Ana'), await member(base, 'Ben')];
  const { channels, members, threads, messages, users } = ana.goldfish;
  const category = crypto.randomUUID().slice(0, 13);
  for (const name of ['One', 'Two', 'Three']) await channels.create({ name, category });
  const listed = await collect(channels.all({ category, limit: 2 }));
  const [channel] = listed;
  if (!channel) throw new Error('No channel');
  const page = await channels.list({ category, page: 2, limit: 2 });
  await channels.update(channel.id, { description: 'About fish', isPrivate: true });
  const hidden = await caught(ben.goldfish.channels.get(channel.id));

  const invitation = await members.invite(channel.id, { maxUses: 1 });
  const seen = await ben.goldfish.members.inspectInvitation(invitation.token);
  const joined = await ben.goldfish.members.acceptInvitation(invitation.token);
  await members.setRole(channel.id, ben.id, 'moderator');
  const role = await ben.goldfish.members.role(channel.id, ben.id);
  const all = await collect(members.all(channel.id, { limit: 1 }));

  const thread = await threads.create({ channelId: channel.id, name: 'Logo' });
  for (let number = 1; number <= 5; number += 1) await messages.post({ threadId: thread.id, content: `word ${number} @ben` });
  const unread = (await collect(ben.goldfish.members.allJoined())).map(({ unreadCount, mentionCount }) => [unreadCount, mentionCount]);
  const part = await ben.goldfish.messages.list(thread.id, { limit: 2 });
  const numbers = (await collect(ben.goldfish.messages.all(thread.id, { limit: 2 }))).map(({ number }) => number);
  const read = await ben.goldfish.threads.markRead(thread.id, 4);
  const found = (await collect(messages.searchAll('word', { channelId: channel.id, limit: 2 }))).length;
  const [first] = part.items;
  if (!first) throw new Error('No message');
  const reacted = await ben.goldfish.messages.react(first.id, '👍');
  await messages.edit(first.id, 'edited');
  const previous = await ben.goldfish.messages.previousTexts(first.id);
  await messages.delete(first.id);
  const deleted = await messages.get(first.id);
  const archived = await threads.archive(thread.id);
  const refused = await caught(messages.post({ threadId: thread.id, content: 'late' }));
  await threads.unarchive(thread.id);

  await members.ban(channel.id, ben.id, 'Advertising');
  const bans = (await members.bans(channel.id)).items.map(({ userId, reason }) => [userId === ben.id, reason]);
  await members.unban(channel.id, ben.id);
  const renamed = await users.update(ana.id, { profile: { displayName: 'A' } });
  const shown = await ben.goldfish.users.get(ana.id);
  const deletion = await users.delete(ana.id, { password: PASSWORD, messages: 'delete' });
  return {
    listed: listed.map(({ name }) => name),
    page: [page.data.length, page.meta.totalPages],
    hidden,
    seen: seen.id === channel.id,
    joined: joined.role,
    role,
    members: all.length,
    unread,
    part: [part.items.map(({ number }) => number), part.older, part.newer],
    numbers,
    read: [read.number, read.unreadCount],
    found,
    reactions: reacted.reactions,
    previous: previous.map(({ content }) => content),
    deleted: [deleted.deleted, deleted.content],
    archived: archived.isArchived,
    refused,
    bans,
    renamed: [renamed.profile.displayName, 'email' in renamed],
    shown: [shown.profile.displayName, 'email' in shown],
    deletion: [deletion.channelsDeleted.length, deletion.messagesDeleted],
  };
}

/** A message whose response is lost is sent again, and posted once. */
export async function postOnce(base: string) {
  const goldfish = await guest(base);
  const channel = await goldfish.channels.create({ name: 'A' });
  const thread = await goldfish.threads.create({ channelId: channel.id, name: 'B' });
  const session = await goldfish.auth.session();
  const way = await breakingWay(base, ['HTTP/1.1 201']);
  const other = new Goldfish({ baseUrl: way.base, apiKey: session?.token ?? '' });
  const message = await other.messages.post({ threadId: thread.id, content: 'Once' });
  way.close();
  const { items } = await goldfish.messages.list(thread.id);
  return { cuts: way.cuts(), same: items.map(({ id }) => id === message.id) };
}
