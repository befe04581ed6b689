// A connection that breaks is shown at once and made again; what is written without a network is sent later.

import assert from 'node:assert/strict';

import { accessible } from './axe.mjs';

export default async function (stage) {
  const { page } = stage;
  const button = (name) => page.getByRole('button', { name, exact: true });
  stage.expect(/ERR_INTERNET_DISCONNECTED/);
  await stage.reply({ pieces: ['One, ', 'two, ', 'three, ', 'four.'], pauseAfter: 2 });
  await stage.send('Count');
  await page.locator('.reply-text', { hasText: 'two' }).waitFor();
  await stage.context.setOffline(true);
  await page.locator('.reconnecting', { hasText: 'Reconnecting…' }).waitFor({ timeout: 2000 });
  assert.match(await page.locator('.assistant .reply-text').innerText(), /two/);
  await accessible(stage, 'reconnecting');
  await stage.screenshot('reconnecting');
  await stage.release();
  await stage.context.setOffline(false);
  await stage.idle();
  assert.deepEqual(await stage.replies(), ['One, two, three, four.']);
  assert.equal(await page.locator('.reconnecting').count(), 0);

  // Asked once, then sent by itself.
  await stage.context.setOffline(true);
  await stage.send('Written offline');
  await page.locator('.problem', { hasText: 'You are offline.' }).waitFor();
  await accessible(stage, 'offline');
  await button('Send when online').click();
  await page.getByText('The message is sent when the connection is back.').waitFor();
  await stage.reply({ pieces: ['It came.'] });
  await stage.context.setOffline(false);
  await page.locator('.reply-text', { hasText: 'It came.' }).waitFor();
  await stage.idle();
  await stage.context.setOffline(true);
  await stage.send('And again');
  await page.getByText('The message is sent when the connection is back.').waitFor();
  assert.equal(await button('Send when online').count(), 0);
  await stage.reply({ pieces: ['Again.'] });
  await stage.context.setOffline(false);
  await page.locator('.reply-text', { hasText: 'Again.' }).waitFor();
  await stage.idle();
  assert.equal(await page.locator('.user').count(), 3);
  const counted = page.url();

  // Several messages, in several conversations: each is sent, in its own, in the order in which they were written.
  await stage.context.setOffline(true);
  await stage.send('Fourth');
  await page.getByText('The message is sent when the connection is back.').waitFor();
  await stage.send('Fifth');
  await page.locator('.user', { hasText: 'Fifth' }).waitFor();
  await page.getByText('The message is sent when the connection is back.').waitFor();
  await page.getByRole('link', { name: 'New conversation' }).click();
  await stage.send('Elsewhere');
  await page.getByText('The message is sent when the connection is back.').waitFor();
  await page.getByRole('link', { name: 'New conversation' }).click();
  await page.getByText('How can I help?').waitFor();
  await stage.field.fill('a draft');
  await stage.context.setOffline(false);
  await stage.eventually(async () => assert.deepEqual((await stage.titles()).sort(), ['Count', 'Elsewhere']));
  assert.equal(await stage.field.inputValue(), 'a draft');
  await page.getByRole('link', { name: /^Elsewhere/ }).click();
  await stage.idle();
  assert.deepEqual(await page.locator('.user .plain').allInnerTexts(), ['Elsewhere']);
  await page.getByRole('link', { name: /^Count/ }).click();
  assert.equal(page.url(), counted);
  const all = ['Count', 'Written offline', 'And again', 'Fourth', 'Fifth'];
  await stage.eventually(async () => assert.deepEqual(await page.locator('.user .plain').allInnerTexts(), all));
  await stage.idle();
  await stage.eventually(async () => assert.equal((await stage.replies()).length, all.length));

  // A reload takes nothing away that is not sent.
  await page.route('**/api/chat', (route) => route.abort());
  stage.expect(/ERR_FAILED/);
  await stage.send('Sixth');
  await page.locator('.problem').waitFor();
  await stage.send('Seventh');
  await page.locator('.user', { hasText: 'Seventh' }).waitFor();
  await page.locator('.problem').waitFor();
  await page.unroute('**/api/chat');
  await page.reload();
  all.push('Sixth', 'Seventh');
  await stage.eventually(async () => assert.equal((await stage.replies()).length, all.length));
  await stage.idle();
  assert.deepEqual(await page.locator('.user .plain').allInnerTexts(), all);
}
