// What others do in a thread is shown as it happens: messages, who is typing, and the reply of the AI member.

import assert from 'node:assert/strict';

import { somebody } from './channels.mjs';

export default async function (stage) {
  const { page, origin } = stage;
  const main = page.getByRole('main');
  const message = (text) => page.locator('.team-messages > li', { hasText: text });
  // Events alone, no checks in an interval.
  await page.addInitScript(() => (globalThis.setInterval = () => 0));
  await page.goto(stage.origin);
  await page.getByRole('link', { name: 'Channels' }).click();
  await main.getByRole('button', { name: 'Continue as guest' }).click();
  await page.getByText('You are in no channel yet.').waitFor();

  const ben = await somebody(origin);
  const channel = await ben('POST', '/api/channels', { name: 'Design' });
  const thread = await ben('POST', '/api/threads', { channelId: channel.id, name: 'Logo' });
  const post = (content) => ben('POST', '/api/messages', { threadId: thread.id, content });
  await page.goto(`${origin}/channels/${channel.id}/${thread.id}`);
  await main.getByRole('button', { name: 'Join', exact: true }).click();
  await main.getByText('No messages yet.').waitFor();

  // Until the page follows the thread, typing is not shown.
  const { ticket } = await ben('POST', '/api/websocket/ticket', {});
  await page.evaluate(
    async ({ ticket, threadId }) => {
      const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/ws?token=${ticket}`);
      const send = (fields) => socket.send(JSON.stringify({ threadId, ...fields }));
      await new Promise((resolve) => (socket.onopen = resolve));
      send({ type: 'JOIN_THREAD' });
      globalThis.type = (state) => send({ type: 'TYPING', state });
    },
    { ticket, threadId: thread.id },
  );
  await stage.eventually(async () => {
    await page.evaluate(() => globalThis.type('start'));
    await main.getByText('Somebody is typing…').waitFor({ timeout: 1000 });
  });
  await page.evaluate(() => globalThis.type('stop'));
  await main.getByText('is typing…').waitFor({ state: 'detached' });

  // Who is online is written beside each member, and changes while it is shown.
  await page.goto(`${origin}/channels/${channel.id}`);
  await main.getByRole('button', { name: '2 members' }).click();
  const members = page.getByRole('dialog').getByRole('list', { name: 'Members' });
  const own = members.locator('li', { hasText: 'Owner' });
  const other = await ben('POST', '/api/websocket/ticket', {});
  await page.evaluate(async (ticket) => {
    const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/ws?token=${ticket}`);
    await new Promise((resolve) => (socket.onopen = resolve));
    globalThis.setPresence = (state) => socket.send(JSON.stringify({ type: 'PRESENCE', state }));
  }, other.ticket);
  for (const [state, text] of [['online', 'Online'], ['away', 'Away'], ['hidden', 'Offline']]) {
    await page.evaluate((state) => globalThis.setPresence(state), state);
    await own.getByText(text, { exact: true }).waitFor();
  }
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
  await page.goto(`${origin}/channels/${channel.id}/${thread.id}`);
  await main.getByText('No messages yet.').waitFor();
  await post('The orange one.');
  await message('The orange one.').waitFor();

  // The reply of the AI member grows, and is there once at the end.
  await stage.reply({ pieces: ['Goldfish are ', '**orange**.'], pauseAfter: 1 });
  await post('@goldfish, which colour?');
  const growing = page.locator('.team-messages > li[aria-busy]');
  await growing.getByText('Goldfish are').waitFor();
  await stage.release();
  await message('Goldfish are orange.').locator('strong').waitFor();
  await growing.waitFor({ state: 'detached' });
  assert.equal(await message('Goldfish are').count(), 1);

  // It is stopped by its author only; the page's user asks now.
  await stage.reply({ pieces: ['One, ', 'two'], pauseAfter: 1 });
  const field = main.getByRole('textbox', { name: /^Write to / });
  await field.fill('@goldfish, count.');
  await field.press('Enter');
  await growing.getByText('One,').waitFor();
  await growing.getByRole('button', { name: 'Stop the reply' }).click();
  await message('The answer was stopped.').waitFor();
  await growing.waitFor({ state: 'detached' });
  await stage.release();
}
