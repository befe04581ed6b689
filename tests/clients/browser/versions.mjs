// Replies and messages have versions, a failed one never replaces a good one, and the reason of a failure stays.

import assert from 'node:assert/strict';

import { accessible } from './axe.mjs';

export default async function (stage) {
  const { page } = stage;
  const button = (name) => page.getByRole('button', { name, exact: true });
  await stage.reply({ pieces: ['The first reply.'] });
  await stage.converse('Tell me something');
  await stage.reply({ pieces: ['The second reply.'] });
  await button('Regenerate').click();
  await page.locator('.reply-text', { hasText: 'The second reply.' }).waitFor();
  await stage.idle();
  await page.getByRole('group', { name: 'Version 2 of 2' }).waitFor();
  await accessible(stage, 'versions');
  await stage.screenshot('reply');
  await button('Previous version').click();
  await page.locator('.reply-text', { hasText: 'The first reply.' }).waitFor();
  await page.getByRole('group', { name: 'Version 1 of 2' }).waitFor();
  // The choice is stored.
  await page.reload();
  await stage.idle();
  assert.deepEqual(await stage.replies(), ['The first reply.']);

  // A provider that fails takes no reply away.
  stage.expect(/status of 503/);
  await stage.reply({ fault: 'overloaded' });
  await button('Regenerate').click();
  await page.locator('.problem').waitFor();
  await stage.eventually(async () => assert.deepEqual(await stage.replies(), ['The first reply.']));
  await page.reload();
  await stage.idle();
  assert.deepEqual(await stage.replies(), ['The first reply.']);

  // Any sent message can be edited; both branches are kept.
  await stage.reply({ pieces: ['More.'] });
  await stage.converse('And more');
  await button('Edit message').first().click();
  const field = page.getByRole('textbox', { name: 'Edit message' });
  assert.equal(await field.inputValue(), 'Tell me something');
  await accessible(stage, 'editing');
  await field.fill('Tell me something else');
  await stage.reply({ pieces: ['Something else.'] });
  await field.press('Enter');
  await page.locator('.reply-text', { hasText: 'Something else.' }).waitFor();
  await stage.idle();
  assert.equal(await page.locator('.user .plain').innerText(), 'Tell me something else');
  await stage.screenshot('branch');
  await page.locator('.user-turn').first().getByRole('button', { name: 'Previous version' }).click();
  await page.locator('.reply-text', { hasText: 'More.' }).waitFor();
  assert.deepEqual(await page.locator('.user .plain').allInnerTexts(), ['Tell me something', 'And more']);

  // A reply that fails in the beginning says why, also after a reload.
  await stage.reply({ fault: 'overloaded' });
  await stage.send('Will this fail?');
  await page.locator('.problem').waitFor();
  const reason = await page.locator('.problem [role=alert]').innerText();
  await page.reload();
  await stage.idle();
  assert.equal(await page.locator('.failure').last().innerText(), reason);
  await accessible(stage, 'a stored failure');
}
