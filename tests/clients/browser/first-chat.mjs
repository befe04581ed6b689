// Somebody who was never here writes, and is answered.

import assert from 'node:assert/strict';

export default async function (stage) {
  const { page } = stage;
  assert.equal(await page.locator('.user-name').innerText(), 'Not signed in');
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'message');
  await stage.screenshot('welcome');
  await stage.reply({ pieces: ['Six times seven is **42**', '.\n\n```js\nconst answer', ' = 6 * 7;\n```'], pauseAfter: 2 });
  await stage.send('What is 6 * 7?');
  // It is shown while it comes.
  await page.locator('.reply-text strong', { hasText: '42' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Regenerate' }).count(), 0);
  await stage.release();
  await stage.idle();
  assert.equal(await page.locator('.user .plain').innerText(), 'What is 6 * 7?');
  assert.equal(await page.locator('.code .hljs-keyword').innerText(), 'const');
  assert.equal(await page.locator('.user-name').innerText(), 'Guest');
  await stage.titlesAre('What is 6 * 7?');
  assert.match(page.url(), /\/c\/[0-9a-f-]{36}$/);
  assert.equal(await page.title(), 'What is 6 * 7? – goldfish');
  // No script can read the credential.
  assert.equal(await page.evaluate(() => document.cookie), '');
  const stored = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  assert.doesNotMatch(stored, /eyJ|token/i);
  await stage.screenshot('answered');
}
