// What helps against a failure is offered, also after a reload: another text, another model, a new conversation.

import assert from 'node:assert/strict';

import { accessible } from './axe.mjs';

const TOO_LONG = /The conversation is too long for this model/;

export default async function (stage) {
  const { page } = stage;
  const button = (name) => page.getByRole('button', { name, exact: true });
  const buttonsOf = (place) => place.locator('.buttons button').allInnerTexts();
  await stage.converse('Hello');
  stage.expect(/status of 400/);
  await stage.reply({ fault: 'too long' });
  await stage.send('Much text');
  const problem = page.locator('.problem');
  await problem.waitFor();
  assert.match(await problem.innerText(), TOO_LONG);
  assert.deepEqual(await buttonsOf(problem), ['Edit', 'Choose another model', 'New conversation']);
  await accessible(stage, 'too long for the model');

  await page.reload();
  const failed = page.locator('.assistant').last();
  await failed.locator('.failure').waitFor();
  assert.match(await failed.locator('.failure').innerText(), TOO_LONG);
  assert.deepEqual(await buttonsOf(failed), ['Edit', 'Choose another model', 'New conversation']);
  await accessible(stage, 'a stored failure');
  await stage.screenshot('stored');

  // Another model.
  await failed.getByRole('button', { name: 'Choose another model' }).click();
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Model');
  await stage.reply({ fault: 'too long' });
  await button('Regenerate').click();
  await problem.waitFor();
  await page.getByLabel('Model', { exact: true }).selectOption('gpt-4o-mini');
  await stage.reply({ pieces: ['It fits.'] });
  await problem.getByRole('button', { name: 'Retry' }).click();
  await page.locator('.reply-text', { hasText: 'It fits.' }).waitFor();
  await stage.idle();
  assert.match(await page.locator('.assistant').last().innerText(), /GPT-4o mini/i);

  // Another text.
  await stage.reply({ fault: 'too long' });
  await stage.send('More text');
  await problem.waitFor();
  await problem.getByRole('button', { name: 'Edit' }).click();
  const field = page.getByRole('textbox', { name: 'Edit message' });
  assert.equal(await field.inputValue(), 'More text');
  assert.equal(await field.evaluate((element) => element === document.activeElement), true);
  await field.fill('Less');
  await stage.reply({ pieces: ['Better.'] });
  await field.press('Enter');
  await page.locator('.reply-text', { hasText: 'Better.' }).waitFor();
  await stage.idle();
  assert.equal(await page.locator('.user .plain').last().innerText(), 'Less');

  // A message to a conversation that is deleted elsewhere goes to a new one.
  stage.expect(/status of 404/);
  const id = new URL(page.url()).pathname.split('/').at(-1);
  assert.ok((await page.request.delete(`${stage.origin}/api/conversations/${id}`)).ok());
  await stage.send('Too late');
  await problem.waitFor();
  assert.deepEqual(await buttonsOf(problem), ['New conversation']);
  await problem.getByRole('button', { name: 'New conversation' }).click();
  await page.getByText('How can I help?').waitFor();
  assert.equal(await stage.field.inputValue(), 'Too late');
}
