// Files: sent with progress, read, listed and deleted.
import type { Progress } from 'goldfish-sdk';

import { caught, guest } from './tools.js';

export async function filesOf(base: string) {
  const { files, chats } = await guest(base);
  const content = new Uint8Array(300_000).map((_, index) => index % 251);
  const seen: Progress[] = [];
  const file = await files.upload(new File([content], 'naïve.bin'), {
    onProgress: (progress) => seen.push(progress),
  });
  const text = await files.upload(new Blob(['# Hello'], { type: 'text/markdown' }), { name: 'a.md' });
  const read = new Uint8Array(await (await files.content(file.id)).arrayBuffer());
  const part = await (await files.content(text.id, { range: [2, 6] })).text();
  const { url } = await files.url(file.id, 60);
  const anonymous = await fetch(url);
  const first = await files.list({ limit: 1 });
  const second = await files.list({ limit: 1, cursor: first.nextCursor ?? '' });
  const about = await chats.sendMessage({ message: 'What is it?', attachments: [text.id] });
  await about.finalText();
  const [message] = (await chats.get(about.conversationId)).messages;
  await files.delete(file.id);
  const aborted = new AbortController();
  aborted.abort(new Error('enough'));
  return {
    name: file.name,
    same: read.length === content.length && read.every((byte, index) => byte === content[index]),
    grows: seen.every(({ loaded }, index) => loaded >= (seen[index - 1]?.loaded ?? 0)),
    end: seen.at(-1),
    steps: seen.length,
    text: [text.name, text.mediaType],
    part,
    attached: message?.attachments?.map(({ name }) => name),
    anonymous: anonymous.status,
    listed: [...first.files, ...second.files].map(({ name }) => name),
    known: (await files.get(text.id)).id === text.id,
    gone: await caught(files.get(file.id)),
    refused: await caught(files.upload(new Blob([new Uint8Array(11_000_000)]))),
    aborted: await caught(files.upload(new Blob(['a']), { signal: aborted.signal })),
  };
}
