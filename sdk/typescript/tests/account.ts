// The account, uploads, transactions, and the operator's methods.
import { Goldfish } from 'goldfish-sdk';

import { MODEL, caught, guest } from './tools.js';

const PASSWORD = 'Vortex-lantern-83-mosaic';
const OTHER = 'Harbour-violin-27-sesame';

/** Password, sessions, sign-in methods. */
export async function accountOf(base: string, email: string) {
  const first = new Goldfish({ baseUrl: base });
  await first.auth.register(email, PASSWORD, { name: 'Ada' });
  const second = new Goldfish({ baseUrl: base });
  await second.auth.login(email, PASSWORD);
  await first.account.update({ name: 'Ada Lovelace' });
  const sessions = await first.account.sessions();
  await first.account.revokeOtherSessions();
  const ended = await caught(second.account.sessions());
  await first.account.changePassword(PASSWORD, OTHER);
  const third = new Goldfish({ baseUrl: base });
  const refused = await caught(third.auth.login(email, PASSWORD));
  await third.auth.login(email, OTHER);
  const methods = await third.account.signInMethods();
  await third.account.revokeAllSessions();
  return {
    name: (await new Goldfish({ baseUrl: base }).auth.login(email, OTHER)).user.name,
    sessions: sessions.length,
    ended,
    refused,
    methods: methods.map(({ providerId }) => providerId),
    left: (await third.auth.session()) ?? null,
    badToken: await caught(third.account.resetPassword('wrong', OTHER)),
    notConfigured: await caught(third.account.signInUrl('github')),
  };
}

/** A picture of one pixel. */
const PIXEL = Uint8Array.from(
  atob('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='),
  (letter) => letter.charCodeAt(0),
);

export async function uploadsOf(base: string) {
  const { uploads } = await guest(base);
  const picture = () => new File([PIXEL], 'a "pixel".png', { type: 'image/png' });
  const parts: number[] = [];
  const avatar = await uploads.avatar(picture(), { onProgress: ({ loaded, total }) => parts.push(loaded / total) });
  const several = await uploads.messageImages([picture(), new File(['text'], 'b.txt', { type: 'text/plain' })]);
  const all = [
    await uploads.profileBanner(picture()),
    await uploads.channelIcon(picture()),
    await uploads.channelBanner(picture()),
    await uploads.messageImage(picture(), { name: 'named.png' }),
    await uploads.messageAttachment(new Blob(['text'], { type: 'text/plain' })),
  ];
  const files = await uploads.messageAttachments([picture(), picture()]);
  return {
    avatar: [avatar.filename, avatar.mimeType],
    end: parts.at(-1),
    several: [several.data.length, several.errors?.map(({ index, code }) => [index, code])],
    names: all.map(({ filename }) => filename),
    files: files.data.length,
    limit: (await uploads.limits()).maxFiles,
    refused: await caught(uploads.avatar(new Blob(['text'], { type: 'text/plain' }))),
  };
}

export async function adminOf(base: string, adminKey: string) {
  const goldfish = new Goldfish({ baseUrl: base });
  await goldfish.auth.register(`ada.${crypto.randomUUID()}@example.com`, PASSWORD);
  const { id } = await goldfish.auth.me();
  await (await goldfish.chats.sendMessage({ message: 'Hi', model: MODEL })).finalText();
  const { admin } = new Goldfish({ baseUrl: base, adminKey });
  const credits = await admin.grantCredits(id, { amount: 1000, reason: 'A present' });
  const kinds: string[] = [];
  for await (const { kind } of goldfish.usage.allTransactions()) kinds.push(kind);
  const page = await admin.users({ limit: 1 });
  const plan = await admin.setPlan(id, { plan: 'free' });
  const exported = await admin.exportUser(id);
  const keys = await admin.revokeKeys(id);
  const sessions = await admin.revokeSessions(id);
  const statistics = await admin.statistics();
  const user = await admin.user(id);
  await admin.deleteUser(id);
  return {
    credits: credits.grantedLeft,
    kinds,
    users: page.users.length,
    plan: plan.plan,
    exported: JSON.stringify(exported).includes('Hi'),
    keys: keys.revoked,
    sessions: sessions.revoked,
    hasStatistics: Object.keys(statistics).length > 0,
    user: user.user.id === id,
    gone: await caught(admin.user(id)),
    wrong: await caught(new Goldfish({ baseUrl: base, adminKey: 'wrong' }).admin.users()),
  };
}

/** A browser of another origin cannot read response headers that the server does not name: the first event tells. */
export async function headersHidden(base: string) {
  const goldfish = await guest(base, {
    fetch: async (input, init) => {
      const { body, status, headers } = await fetch(input, init);
      const type = headers.get('content-type') ?? '';
      return new Response(body, { status, headers: { 'content-type': type } });
    },
  });
  const reply = await goldfish.chats.sendMessage({ message: 'Hi', model: MODEL });
  const { conversationId } = reply;
  const text = await reply.finalText();
  const conversation = await goldfish.chats.get(conversationId);
  return { isKnown: conversation.id === conversationId, text, messageId: reply.messageId === conversation.messages[1]?.id };
}
