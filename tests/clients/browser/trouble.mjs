// What goes wrong is said in words, and nothing that was typed is lost.

import assert from 'node:assert/strict';

import { accessible } from './axe.mjs';

export default async function (stage) {
  const { page } = stage;
  const button = (name) => page.getByRole('button', { name, exact: true });
  const trouble = page.locator('.problem');

  stage.expect(/status of 503/);
  await stage.reply({ fault: 'overloaded' });
  await stage.send('Are you well?');
  await trouble.waitFor();
  assert.match(await trouble.innerText(), /provider/);
  assert.equal(await page.locator('.user').count(), 1);
  await stage.screenshot('provider');
  await stage.reply({ pieces: ['Now I am.'] });
  await button('Retry').click();
  await stage.idle();
  assert.deepEqual(await stage.replies(), ['Now I am.']);
  assert.equal(await trouble.count(), 0);

  // A reply that breaks off keeps what came.
  await stage.reply({ pieces: ['A fish ', 'out of ', 'water'], fault: 'cut', after: 2 });
  await stage.send('And now?');
  await trouble.waitFor();
  await page.locator('.message-info', { hasText: 'interrupted' }).waitFor();
  assert.equal((await stage.replies()).at(-1), 'A fish out of');

  // Without a network; the message is sent once when there is one again.
  await page.getByRole('link', { name: 'New conversation' }).click();
  stage.expect(/ERR_INTERNET_DISCONNECTED/);
  await stage.context.setOffline(true);
  await stage.send('Anybody out there?');
  await trouble.waitFor();
  assert.match(await trouble.innerText(), /You are offline/);
  await stage.context.setOffline(false);
  await stage.reply({ pieces: ['Here I am.'] });
  await button('Retry').click();
  await stage.idle();
  assert.deepEqual(await stage.replies(), ['Here I am.']);
  assert.equal(await page.locator('.user').count(), 1);

  // Longer than the server takes.
  await stage.field.fill('🐟'.repeat(10_001));
  await page.getByText('10,001 of 10,000 characters').waitFor();
  await accessible(stage, 'too long');
  assert.equal(await button('Send').isDisabled(), true);
  await stage.field.fill('🐟'.repeat(10_000));
  assert.equal(await button('Send').isDisabled(), false);

  // Who presses twice has sent once.
  await stage.reply({ pieces: ['Once.'], pauseAfter: 0 });
  await stage.field.fill('Twice?');
  await page.evaluate(() => {
    const form = document.querySelector('.composer');
    form.requestSubmit();
    form.requestSubmit();
  });
  await stage.release();
  await page.locator('.reply-text', { hasText: 'Once.' }).waitFor();
  await stage.idle();
  assert.equal(await page.locator('.user').count(), 2);
}
