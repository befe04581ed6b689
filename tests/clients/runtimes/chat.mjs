// node|deno|bun chat.mjs <base URL>: a chat by the SDK, and what came of it.
import { Goldfish, GoldfishError, storageStore } from 'goldfish-sdk';

const base = globalThis.Deno ? Deno.args[0] : process.argv[2];
const items = new Map();
const storage = {
  getItem: (name) => items.get(name) ?? null,
  setItem: (name, value) => items.set(name, value),
  removeItem: (name) => items.delete(name),
};
const goldfish = new Goldfish({ baseUrl: base, store: storageStore({ storage }) });
await goldfish.auth.guest();
const reply = await goldfish.chats.sendMessage({ message: 'Hello' });
const deltas = [];
for await (const delta of reply.text()) deltas.push(delta);
const [conversation] = await goldfish.chats.list();
const progress = [];
const file = await goldfish.files.upload(new Blob(['x'.repeat(100_000)], { type: 'text/plain' }), {
  name: 'x.txt',
  onProgress: ({ loaded }) => progress.push(loaded),
});
const refused = await goldfish.chats.get('nothing').catch((error) => error);
console.log(
  JSON.stringify({
    runtime: globalThis.Deno ? 'deno' : globalThis.Bun ? 'bun' : `node${process.versions.node.split('.')[0]}`,
    isStreamed: deltas.length > 1,
    isStored: conversation.id === reply.conversationId && conversation.messages[1].content === deltas.join(''),
    uploaded: file.size,
    progress: progress.at(-1),
    refused: [refused instanceof GoldfishError, refused.status],
  }),
);
