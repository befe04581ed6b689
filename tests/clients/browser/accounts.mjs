// A guest registers and keeps everything; signs out and in; and a session that ends takes no words away.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import { accessible } from './axe.mjs';

const PASSWORD = 'a bowl of nine goldfish';

export default async function (stage) {
  const { page } = stage;
  const button = (name) => page.getByRole('button', { name, exact: true });
  const dialog = page.getByRole('dialog');
  const email = `fish-${randomUUID()}@example.com`;

  // A model can be chosen before the first message.
  await button('Choose a model').click();
  await page.getByText('Guest', { exact: true }).waitFor();
  await page.getByText('No conversations yet').waitFor();
  // What is not configured here is shown on demand, and cannot be chosen.
  const picker = page.getByLabel('Model', { exact: true });
  assert.equal(await picker.inputValue(), 'gpt-4o');
  const shown = () => picker.locator('option').evaluateAll((all) => all.map(({ text, disabled }) => ({ text, disabled })));
  assert.ok((await shown()).every(({ disabled }) => !disabled));
  await picker.selectOption('Show models that are not available…');
  await stage.eventually(async () => assert.ok((await shown()).some(({ disabled }) => disabled)));
  const options = await picker.locator('option').evaluateAll((all) => all.map(({ text, disabled }) => ({ text, disabled })));
  assert.ok(options.some(({ disabled }) => disabled) && options.some(({ disabled }) => !disabled));
  for (const { text, disabled } of options) assert.equal(/\(not available\)$/.test(text), disabled, text);
  await picker.selectOption('gpt-4o-mini');
  await stage.converse('Remember me');
  assert.equal(await picker.inputValue(), 'gpt-4o-mini');

  await button('Sign in or register').click();
  await dialog.getByRole('button', { name: 'Register' }).click();
  await dialog.getByLabel('Email').fill(email);
  await dialog.getByLabel('Password', { exact: true }).fill('password1234');
  stage.expect(/status of 400/);
  await dialog.locator('form button.strong').click();
  await dialog.getByRole('alert').waitFor();
  assert.match(await dialog.getByRole('alert').innerText(), /too easy to guess/);
  // The error belongs to its field.
  const described = await dialog.getByLabel('Password', { exact: true }).evaluate((field) => ({
    isInvalid: field.getAttribute('aria-invalid'),
    text: field.getAttribute('aria-describedby').split(' ').map((id) => document.getElementById(id).textContent).join(' '),
  }));
  assert.equal(described.isInvalid, 'true');
  assert.match(described.text, /too easy to guess/);
  await accessible(stage, 'a refused password');
  await dialog.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await dialog.locator('form button.strong').click();
  await page.getByText(email).waitFor();
  await stage.titlesAre('Remember me');

  await button('Sign out').click();
  await dialog.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('Not signed in').waitFor();
  await stage.titlesAre();
  assert.equal(await page.locator('.user').count(), 0);

  await button('Sign in or register').click();
  await dialog.getByLabel('Email').fill(email);
  await dialog.getByLabel('Password', { exact: true }).fill('not the password');
  stage.expect(/status of 401/);
  await dialog.locator('form button.strong').click();
  await dialog.getByText('Invalid email or password').waitFor();
  await dialog.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await dialog.locator('form button.strong').click();
  await stage.titlesAre('Remember me');
  assert.equal(await picker.inputValue(), 'gpt-4o-mini');

  // The session ends: the same user goes on where they were.
  await page.locator('.conversations .title').click();
  await stage.idle();
  await stage.context.clearCookies();
  await stage.send('Are you still there?');
  await page.getByRole('heading', { name: 'Your session has ended' }).waitFor();
  await accessible(stage, 'an expired session');
  await stage.screenshot('expired');
  await dialog.getByLabel('Email').fill(email);
  await dialog.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await dialog.locator('form button.strong').click();
  await dialog.waitFor({ state: 'detached' });
  await button('Retry').click();
  await stage.idle();
  assert.equal(await page.locator('.user').count(), 2);

  // Somebody else starts with nothing but the words.
  await stage.context.clearCookies();
  await stage.send('My own words');
  await dialog.getByRole('button', { name: 'Continue as guest' }).click();
  await page.getByText('Guest', { exact: true }).waitFor();
  await page.getByText('How can I help?').waitFor();
  assert.equal(await stage.field.inputValue(), 'My own words');
  await stage.titlesAre();
}
