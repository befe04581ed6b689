// Channels: they are created, found, joined, read and written in, by one user here and another one over HTTP.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import { accessible } from './axe.mjs';
import { PIXEL } from './files.mjs';

/** Another user, without a page. */
export async function somebody(origin) {
  const call = async (method, path, body) => {
    const response = await fetch(origin + path, {
      method,
      headers: { 'content-type': 'application/json', ...(call.token && { authorization: `Bearer ${call.token}` }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    assert.ok(response.ok, `${method} ${path}: ${response.status}`);
    return response.json();
  };
  const { token, user } = await call('POST', '/api/v1/auth/guest');
  return Object.assign(call, { token, id: user.id });
}

export default async function (stage) {
  const { page, origin } = stage;
  const button = (name) => page.getByRole('button', { name, exact: true });
  const link = (name) => page.getByRole('link', { name });
  const dialog = page.getByRole('dialog');
  const main = page.getByRole('main');
  const message = (text) => page.locator('.team-messages > li', { hasText: text });
  const write = async (text, shown = text) => {
    const field = main.getByRole('textbox', { name: /^Write to / });
    await field.fill(text);
    await field.press('Enter');
    await message(shown).waitFor();
  };

  await link('Channels').click();
  await main.getByText('Channels are for signed-in users and guests.').waitFor();
  await accessible(stage, 'nobody');
  await main.getByRole('button', { name: 'Continue as guest' }).click();
  await page.getByText('You are in no channel yet.').waitFor();

  // A channel, a thread and a message.
  await button('Create a channel').click();
  await accessible(stage, 'a new channel');
  await dialog.getByLabel('Name').fill('Design');
  await dialog.getByLabel('Description').fill('Colours and fish');
  await dialog.getByRole('button', { name: 'Create a channel' }).click();
  await main.locator('header').getByRole('heading', { name: 'Design' }).waitFor();
  await main.getByText('No threads yet.').waitFor();
  assert.equal(await page.title(), 'Design – goldfish');
  const channel = new URL(page.url()).pathname.split('/')[2];
  const name = main.getByLabel('Name of a new thread');
  await name.fill('Logo');
  await name.press('Enter');
  await main.getByText('No messages yet.').waitFor();
  const thread = new URL(page.url()).pathname.split('/')[3];
  await write('Which **fish** do we take?', 'Which fish do we take?');
  await message('Which fish').locator('strong', { hasText: 'fish' }).waitFor();
  await accessible(stage, 'a thread');

  // Another member writes, which is shown and announced.
  const ben = await somebody(origin);
  await ben('POST', '/api/members', { channelId: channel });
  await ben('POST', '/api/messages', { threadId: thread, content: 'The orange one.' });
  await message('The orange one.').waitFor();
  assert.match(await page.locator('[aria-live=polite]').innerText(), /The orange one\./);

  // Reactions, by keyboard.
  const react = message('The orange one.').getByLabel('React', { exact: true });
  await react.focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  const reaction = message('The orange one.').locator('.reaction');
  await reaction.waitFor();
  assert.equal(await reaction.getAttribute('aria-pressed'), 'true');
  assert.equal(await reaction.innerText(), '👍 1');
  await reaction.press('Enter');
  await reaction.waitFor({ state: 'detached' });

  // A reply, an edit and a deletion.
  await message('The orange one.').getByRole('button', { name: /^Reply to / }).click();
  await main.locator('.composer .answered').waitFor();
  await write('A good choice');
  await message('A good choice').locator('.answered', { hasText: 'The orange one.' }).waitFor();
  await message('A good choice').getByRole('button', { name: 'Edit message' }).click();
  const edited = main.getByRole('textbox', { name: 'Edit message' });
  assert.equal(await edited.inputValue(), 'A good choice');
  await edited.fill('A very good choice');
  await edited.press('Enter');
  await message('A very good choice').locator('.message-info', { hasText: 'edited' }).waitFor();
  await message('Which fish').getByRole('button', { name: 'Delete' }).click();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await message('This message was deleted.').waitFor();

  // A picture is pasted, dropped or chosen; it is shown in the message.
  await main.locator('input[type=file]').setInputFiles({ name: 'fish.png', mimeType: 'image/png', buffer: PIXEL });
  await main.locator('.uploads li', { hasText: 'fish.png' }).waitFor();
  await stage.eventually(async () => assert.equal(await main.locator('.uploads progress').count(), 0));
  assert.equal(await main.locator('.upload-error').count(), 0);
  await accessible(stage, 'an attached file');
  await write('Like this');
  const image = message('Like this').getByRole('img', { name: 'fish.png' });
  await stage.eventually(async () => assert.equal(await image.evaluate((element) => element.naturalWidth), 1));
  for (const [type, make] of [
    ['paste', (files) => new ClipboardEvent('paste', { clipboardData: files, bubbles: true, cancelable: true })],
    ['drop', (files) => new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true })],
  ]) {
    await page.evaluate(`(() => {
      const files = new DataTransfer();
      files.items.add(new File(['some text'], '${type}.txt', { type: 'text/plain' }));
      document.querySelector('#team-message').dispatchEvent((${make})(files));
    })()`);
    await main.locator('.uploads li', { hasText: `${type}.txt` }).waitFor();
    await button(`Remove ${type}.txt`).click();
    await main.locator('.uploads').waitFor({ state: 'detached' });
  }
  await stage.screenshot('thread');

  // An archived thread can be read only.
  const menu = main.locator('header').getByLabel('Conversation menu');
  await menu.click();
  await button('Archive thread').click();
  await main.getByText('This thread is archived.').waitFor();
  assert.equal(await main.getByRole('textbox').count(), 0);
  await menu.click();
  await button('Unarchive thread').click();
  await main.getByRole('textbox', { name: 'Write to Logo' }).waitFor();

  // Members and roles.
  await link('Back to the channel').click();
  await button('2 members').click();
  await dialog.getByRole('listitem').nth(1).waitFor();
  await accessible(stage, 'members');
  await stage.screenshot('members');
  const role = dialog.getByLabel(/^Role of /).last();
  await role.selectOption('moderator');
  await stage.eventually(async () => {
    const members = await ben('GET', `/api/members/${channel}`);
    assert.equal(members.find(({ userId }) => userId === ben.id).role, 'moderator');
  });
  await dialog.getByText('Invitations').click();
  await dialog.getByLabel('How many users may join').fill('1');
  await dialog.getByRole('button', { name: 'Create an invitation link' }).click();
  assert.match(await dialog.locator('.command code').innerText(), /\/invitation\/.{10}/);
  await dialog.getByRole('button', { name: /^Ban / }).click();
  await stage.eventually(async () => assert.equal(await dialog.getByLabel('Members').getByRole('listitem').count(), 1));
  await dialog.getByText('Banned users').click();
  await dialog.getByRole('button', { name: /^Lift the ban of / }).click();
  await dialog.getByText('Nobody is banned.').waitFor();
  await accessible(stage, 'bans and invitations');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });

  // What is unread, also beside the conversations, and the search.
  await link('AI chat').click();
  await stage.field.waitFor();
  await ben('POST', '/api/members', { channelId: channel });
  await ben('POST', '/api/messages', { threadId: thread, content: 'Blue would be new' });
  await page.reload();
  await stage.ready();
  await page.locator('.views .unread', { hasText: '1 unread' }).waitFor();
  await link('Channels').click();
  await page.locator('.conversations .unread', { hasText: '1 unread' }).waitFor();
  await page.getByLabel('Search messages').fill('blue');
  await main.locator('.results a', { hasText: 'Blue would be new' }).waitFor();
  await accessible(stage, 'search');
  await main.locator('.results a').click();
  await message('Blue would be new').waitFor();
  await stage.eventually(async () => {
    assert.match(await page.evaluate(() => document.activeElement.textContent), /Blue would be new/);
  });
  await stage.eventually(async () => assert.equal(await page.locator('.conversations .unread').count(), 0));
  await page.goBack();
  await main.getByLabel('Search channels').waitFor();

  // Another one's channels: public ones are found and joined, private ones need an invitation.
  const word = randomUUID().slice(0, 8);
  const zoo = await ben('POST', '/api/channels', { name: 'Zoo', description: `All animals ${word}` });
  const secret = await ben('POST', '/api/channels', { name: 'Secret', isPrivate: true });
  await main.getByLabel('Search channels').fill(`anim ${word}`);
  await stage.eventually(async () => assert.equal(await main.locator('.cards li').count(), 1));
  await main.getByRole('button', { name: 'Join Zoo' }).waitFor();
  await accessible(stage, 'all channels');
  await main.getByRole('button', { name: 'Join Zoo' }).click();
  await page.waitForURL(`${origin}/channels/${zoo.id}`);
  await button('Channel settings').click();
  await dialog.getByRole('button', { name: 'Leave' }).click();
  await dialog.getByRole('button', { name: 'Leave' }).click();
  await main.getByLabel('Search channels').waitFor();
  stage.expect(/status of 404/);
  await page.goto(`${origin}/channels/${secret.id}`);
  await main.getByText('There is no such channel, or it is private.').waitFor();
  const { token } = await ben('POST', `/api/members/${secret.id}/invitations`, {});
  await page.goto(`${origin}/invitation/${token}`);
  await main.getByText('You are invited to “Secret”.').waitFor();
  await accessible(stage, 'an invitation');
  await main.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('heading', { name: 'Secret' }).waitFor();
  assert.equal(new URL(page.url()).pathname, `/channels/${secret.id}`);

  // On a phone.
  await page.goto(`${origin}/channels/${channel}/${thread}`);
  await message('Like this').waitFor();
  await page.setViewportSize({ width: 390, height: 844 });
  await accessible(stage, 'phone');
  const { scroll, inner } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, inner: innerWidth }));
  assert.ok(scroll <= inner, `${scroll} wide`);
  await stage.screenshot('phone');

  // Nothing stays after signing out.
  await page.setViewportSize({ width: 1280, height: 800 });
  // A request that was on its way.
  stage.expect(/status of 401/);
  await button('Sign out').click();
  await dialog.getByRole('button', { name: 'Sign out' }).click();
  await main.getByText('Channels are for signed-in users and guests.').waitFor();
  assert.equal(await page.getByText('Design').count(), 0);
  assert.equal(await page.title(), 'Channels – goldfish');
}
