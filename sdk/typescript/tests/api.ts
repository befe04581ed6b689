// Everything that is asked and answered at once.
import { Goldfish } from 'goldfish-sdk';

import { MODEL, caught, eventsOf, guest } from './tools.js';

const UNKNOWN = '6f4f4ac4-96c0-4f2b-9d5f-d5b9b8e0c001';

export async function conversationsOf(base: string) {
  const { chats } = await guest(base);
  const reply = await chats.sendMessage({ message: 'First', model: MODEL });
  await eventsOf(reply);
  const id = reply.conversationId;
  await eventsOf(await chats.sendMessage({ message: 'Second', model: MODEL }));
  const listed = (await chats.list()).map(({ title, messages }) => [title, messages.length]);
  const renamed = await chats.rename(id, 'Renamed');
  const history = (await chats.history()).map(({ title, messageCount }) => [title, messageCount]);
  const found = await chats.get(id);
  await chats.delete(id);
  const gone = await caught(chats.get(id));
  await chats.clear();
  return { listed, renamed: renamed.title, history, found: found.title, gone, left: await chats.list() };
}

export async function versionsOf(base: string) {
  const { chats } = await guest(base);
  const reply = await chats.sendMessage({ message: 'First', model: MODEL });
  await eventsOf(reply);
  const id = reply.conversationId;
  const first = reply.messageId ?? '';
  await eventsOf(await chats.regenerate(id));
  const regenerated = (await chats.get(id)).messages[1];
  const chosen = await chats.setActive(id, first, first);
  const question = chosen.messages[0]?.id ?? '';
  await eventsOf(await chats.sendMessage({ message: 'Edited', model: MODEL, conversationId: id, edits: question }));
  const edited = (await chats.get(id)).messages[0];
  await chats.pin(id);
  const ids = [];
  let last;
  for (const message of ['Second', 'Third', 'Fourth']) {
    last = await chats.sendMessage({ message, model: MODEL });
    await eventsOf(last);
    ids.push(last.conversationId);
  }
  const restored = await chats.restore(ids[0] ?? '');
  const unpinned = await chats.unpin(id);
  return {
    versions: regenerated?.versions?.length,
    isActive: regenerated?.active === regenerated?.id,
    isChosen: chosen.messages[1]?.id === first,
    edited: [edited?.content, edited?.versions?.length],
    evicted: last?.evicted.map(({ title }) => title),
    restored: [restored.conversation.title, restored.evicted.map(({ title }) => title)],
    next: (await chats.nextEvicted())?.title,
    pinned: unpinned.pinned,
  };
}

export async function everythingElse(base: string) {
  const goldfish = await guest(base);
  const models = await goldfish.models.list();
  const preferences = await goldfish.preferences.update({ theme: 'light', defaultModel: MODEL });
  const created = await goldfish.apiKeys.create({ name: 'A program', scopes: ['chat', 'read'] });
  const program = new Goldfish({ baseUrl: `${base}/`, apiKey: created.key });
  const text = await (await program.chats.sendMessage({ message: 'Hi' })).finalText();
  const listed = await goldfish.apiKeys.list();
  const forbidden = await caught(program.apiKeys.list());
  await goldfish.apiKeys.revoke(created.id);
  const usage = await goldfish.usage.get();
  return {
    model: models.find((model) => model.id === MODEL),
    preferences,
    read: await goldfish.preferences.get(),
    text,
    listed: listed.map(({ name, active, prefix }) => [name, active, created.key.startsWith(prefix)]),
    forbidden,
    revoked: await caught(program.models.list()),
    usage: usage.usage.map(({ model, requests }) => [model, requests]),
    health: await new Goldfish({ baseUrl: base }).health(),
  };
}

export async function errorsOf(base: string) {
  const goldfish = await guest(base);
  const { chats } = goldfish;
  const one = await chats.sendMessage({ message: 'Hi', model: MODEL });
  const conflict = await caught(chats.regenerate(one.conversationId));
  await one.stop();
  const deaf = new Goldfish({ baseUrl: 'http://127.0.0.1:1', maxRetries: 0 });
  const page = new Goldfish({ baseUrl: base, fetch: async () => new Response('<h1>', { status: 502 }) });
  return {
    invalid: await caught(chats.sendMessage({ message: ' ', temperature: 3 })),
    unknown: await caught(chats.get(UNKNOWN)),
    model: await caught(chats.sendMessage({ message: 'Hi', model: 'none such' })),
    conflict,
    nobody: await caught(new Goldfish({ baseUrl: base }).chats.list()),
    noAnswer: await caught(deaf.models.list()),
    page: await caught(page.models.list()),
    sameKey: await caught(sameKey(goldfish)),
  };
}

/** Another request under a key that was used. */
async function sameKey({ chats }: Goldfish) {
  const options = { idempotencyKey: crypto.randomUUID() };
  await (await chats.sendMessage({ message: 'Hi', model: 'demo' }, options)).finalText();
  await chats.sendMessage({ message: 'Something else', model: 'demo' }, options);
}
