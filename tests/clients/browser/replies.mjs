// Stopping a reply, and having another one.

import assert from 'node:assert/strict';

export default async function (stage) {
  const { page } = stage;
  await stage.reply({ pieces: ['Once upon ', 'a time ', 'there was no end.'], pauseAfter: 2 });
  await stage.send('Tell me a story');
  await page.locator('.reply-text', { hasText: 'a time' }).waitFor();
  // Sending is not possible meanwhile, and what is typed stays.
  await stage.field.fill('and then?');
  await stage.field.press('Enter');
  assert.equal(await stage.field.inputValue(), 'and then?');
  await page.getByRole('button', { name: 'Stop the reply' }).click();
  await stage.idle();
  assert.deepEqual(await stage.replies(), ['Once upon a time']);
  assert.match(await page.locator('.assistant .message-info').innerText(), /stopped/);
  await stage.release();
  await page.reload();
  await stage.idle();
  assert.deepEqual(await stage.replies(), ['Once upon a time']);
  assert.equal(await stage.field.inputValue(), 'and then?');

  // Escape stops too.
  await stage.reply({ pieces: ['In the ', 'beginning ', 'was the end.'], pauseAfter: 2 });
  await page.getByRole('button', { name: 'Regenerate' }).click();
  await page.locator('.reply-text', { hasText: 'beginning' }).waitFor();
  await page.keyboard.press('Escape');
  await stage.idle();
  assert.deepEqual(await stage.replies(), ['In the beginning']);
  await stage.release();

  await stage.reply({ pieces: ['A short one.'] });
  await page.getByRole('button', { name: 'Regenerate' }).click();
  await page.locator('.reply-text', { hasText: 'A short one.' }).waitFor();
  await stage.idle();
  assert.deepEqual(await stage.replies(), ['A short one.']);
  assert.equal(await page.locator('.user').count(), 1);
  assert.match(await page.locator('[aria-live=polite]').innerText(), /^Reply finished, 3 words\./);

  // Messages and replies can be copied.
  await stage.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  for (const [name, text] of [
    ['Copy message', 'Tell me a story'],
    ['Copy reply', 'A short one.'],
  ]) {
    await page.getByRole('button', { name }).click();
    await stage.eventually(async () => assert.equal(await page.evaluate(() => navigator.clipboard.readText()), text));
  }
}
