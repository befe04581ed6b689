// The TypeScript SDK in a browser: a chat with the session cookie, an upload, an error.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export default async function (stage) {
  const { page } = stage;
  // As a bundler does: the name of the package becomes a path.
  await page.route('**/sdk/*', async (route) => {
    const name = new URL(route.request().url()).pathname.split('/').at(-1);
    const file = name === 'eventsource-parser.js' ? 'node_modules/eventsource-parser/dist/index.js' : `dist/${name}`;
    const code = await readFile(join(stage.sdk, file), 'utf8');
    const body = code.replaceAll("from 'eventsource-parser'", "from './eventsource-parser.js'");
    await route.fulfill({ contentType: 'text/javascript', body });
  });
  await stage.reply({ pieces: ['One ', 'fish, ', 'two ', 'fish.'] });
  stage.expect(/status of 404/);
  const seen = await page.evaluate(async () => {
    const { Goldfish, GoldfishError } = await import('/sdk/index.js');
    const goldfish = new Goldfish({ baseUrl: '', credentials: 'include' });
    await goldfish.auth.guest();
    const reply = await goldfish.chats.sendMessage({ message: 'Count' });
    const deltas = [];
    for await (const delta of reply.text()) deltas.push(delta);
    const { messages } = await goldfish.chats.get(reply.conversationId);
    const progress = [];
    const content = new Blob(['x'.repeat(100_000)], { type: 'text/plain' });
    const file = await goldfish.files.upload(content, { name: 'x.txt', onProgress: ({ loaded }) => progress.push(loaded) });
    const refused = await goldfish.chats.get('nothing').catch((error) => error);
    return {
      deltas,
      stored: messages[1].content,
      uploaded: file.size,
      progress: progress.at(-1),
      refused: [refused instanceof GoldfishError, refused.status],
      readable: document.cookie,
    };
  });
  assert.deepEqual(seen, {
    deltas: ['One ', 'fish, ', 'two ', 'fish.'],
    stored: 'One fish, two fish.',
    uploaded: 100_000,
    progress: 100_000,
    refused: [true, 404],
    readable: '',
  });
}
