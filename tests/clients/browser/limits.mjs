// A limit is a wait that can be seen, and the message is there to be changed or sent again.

import assert from 'node:assert/strict';

import { accessible } from './axe.mjs';

export default async function (stage) {
  const { page } = stage;
  await stage.converse('One');
  stage.expect(/status of 429/);
  await stage.send('Two, at once');
  const trouble = page.locator('.problem');
  await trouble.waitFor();
  assert.match(await trouble.innerText(), /^Too many messages\. Please wait \d+ seconds\./);
  const again = trouble.getByRole('button', { name: /^Retry in \d+ s$/ });
  assert.equal(await again.isDisabled(), true);
  await accessible(stage, 'a rate limit');
  await stage.screenshot('wait');
  await trouble.getByRole('button', { name: 'Edit' }).click();
  assert.equal(await stage.field.inputValue(), 'Two, at once');
  assert.equal(await trouble.count(), 0);
  assert.equal(await page.locator('.user').count(), 1);
}
