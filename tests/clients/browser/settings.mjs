// The account and the settings: password, sessions, API keys, usage, language, deletion.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import { accessible } from './axe.mjs';

const PASSWORD = 'a bowl of nine goldfish';
const OTHER = 'a pond of eleven goldfish';

export default async function (stage) {
  const { page } = stage;
  const dialog = page.getByRole('dialog');
  const button = (name) => page.getByRole('button', { name, exact: true });
  const inDialog = (name) => dialog.getByRole('button', { name, exact: true });
  const tab = (name) => dialog.getByRole('tab', { name });
  const email = `fish-${randomUUID()}@example.com`;

  await button('Sign in or register').click();
  await inDialog('Register').click();
  await dialog.getByLabel('Email').fill(email);
  const password = dialog.getByLabel('Password', { exact: true });
  await password.fill(PASSWORD);
  // What is typed can be seen.
  assert.equal(await password.getAttribute('type'), 'password');
  await inDialog('Show password').click();
  assert.equal(await password.getAttribute('type'), 'text');
  await dialog.locator('form button.strong').click();
  await page.getByText(email).waitFor();
  await stage.converse('Use some tokens');

  await button('Settings').click();
  await accessible(stage, 'general settings');
  await dialog.getByLabel('Theme').selectOption('dark');
  await stage.eventually(async () => assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark'));
  await accessible(stage, 'general settings, dark');
  await dialog.getByLabel('Theme').selectOption('system');
  // Whether others see the user is stored with the user.
  assert.equal(await dialog.getByLabel('Others see me as').inputValue(), 'online');
  const stored = page.waitForResponse((response) => response.request().method() === 'PATCH' && response.ok());
  await dialog.getByLabel('Others see me as').selectOption('hidden');
  assert.equal((await (await stored).json()).presence, 'hidden');
  await dialog.getByLabel('Instructions to the model').fill('Answer briefly.');
  await dialog.getByLabel('Temperature').fill('0.5');
  await inDialog('Save').click();
  // A notice is before the dialog, where it can be read and dismissed.
  await page.locator('.notice', { hasText: 'Saved.' }).waitFor();
  await inDialog('Dismiss').click();
  await page.locator('.notice').waitFor({ state: 'detached' });
  await stage.screenshot('general');

  // Arrow keys move between the tabs.
  await tab('General').press('ArrowRight');
  await dialog.getByText(`You are signed in as ${email}.`).waitFor();
  await dialog.getByText('this session').waitFor();
  await accessible(stage, 'account');
  await stage.screenshot('account');
  await dialog.getByLabel('Current password').first().fill('wrong');
  await dialog.getByLabel('New password').fill(OTHER);
  stage.expect(/status of 40[01]/);
  await inDialog('Change password').click();
  await dialog.getByRole('alert').waitFor();
  const fields = await dialog.locator('input[type=password]').evaluateAll((all) => all.map(({ name, ariaInvalid }) => [name, ariaInvalid]));
  assert.deepEqual(fields, [
    ['current', 'true'],
    ['new', null],
    ['password', null],
  ]);
  await dialog.getByLabel('Current password').first().fill(PASSWORD);
  await inDialog('Change password').click();
  await page.locator('.notice', { hasText: 'The password was changed.' }).waitFor();

  await tab('API keys').click();
  await dialog.getByText('No API keys yet.').waitFor();
  await dialog.getByLabel('Name').fill('My script');
  await dialog.getByLabel('Requests per minute').fill('10');
  await inDialog('Create key').click();
  const key = await dialog.locator('.created-key code').innerText();
  assert.match(key, /^gf_/);
  await accessible(stage, 'API keys');
  await stage.screenshot('keys');
  const asked = await fetch(`${stage.origin}/api/history`, { headers: { 'x-api-key': key } });
  assert.equal(asked.status, 200);
  await inDialog('Revoke My script').click();
  await dialog.getByText('revoked or expired').waitFor();
  assert.equal((await fetch(`${stage.origin}/api/history`, { headers: { 'x-api-key': key } })).status, 401);

  await tab('Usage').click();
  await dialog.locator('.chart rect').first().waitFor();
  assert.match(await dialog.locator('table').first().innerText(), /gpt-4o/);
  await accessible(stage, 'usage');
  await stage.screenshot('usage');

  // Spanish and German are complete; what is typed stays.
  await inDialog('Close').click();
  await stage.field.fill('still here');
  for (const [language, settings, tabName, label] of [
    ['es', 'Ajustes', 'Idioma', 'Mensaje'],
    ['de', 'Einstellungen', 'Sprache', 'Nachricht'],
  ]) {
    await page.getByRole('button', { name: /^(Settings|Ajustes)$/ }).click();
    await dialog.getByLabel(/^(Language|Idioma)/).selectOption(language);
    const field = page.getByLabel(label, { exact: true });
    await field.waitFor();
    assert.equal(await page.locator('html').getAttribute('lang'), language);
    await stage.eventually(async () => assert.equal(await field.inputValue(), 'still here'));
    await button(settings).click();
    await dialog.getByLabel(tabName).waitFor();
    await accessible(stage, language);
    await stage.screenshot(language);
    await page.keyboard.press('Escape');
  }
  // Errors of the server too.
  await button('Einstellungen').click();
  await dialog.getByRole('tab', { name: 'Konto' }).click();
  await dialog.locator('input[name=current]').fill('wrong');
  await dialog.locator('input[name=new]').fill(PASSWORD);
  await dialog.locator('form button').first().locator('xpath=ancestor::form').evaluate((form) => form.requestSubmit());
  await dialog.getByText('Das Passwort ist falsch.').waitFor();
  await page.keyboard.press('Escape');
  await button('Einstellungen').click();
  await dialog.getByLabel('Sprache').selectOption('en');
  await stage.field.waitFor();

  // The account is deleted with its password only.
  await button('Settings').click();
  await tab('Account').click();
  await dialog.getByLabel('Current password').last().fill('wrong');
  await inDialog('Delete account').click();
  await dialog.getByRole('alert').waitFor();
  await dialog.getByLabel('Current password').last().fill(OTHER);
  await inDialog('Delete account').click();
  await page.getByText('Not signed in').waitFor();
  await button('Sign in or register').click();
  await dialog.getByLabel('Email').fill(email);
  await dialog.getByLabel('Password', { exact: true }).fill(OTHER);
  await dialog.locator('form button.strong').click();
  await dialog.getByRole('alert').waitFor();

  // A link that is not valid says so, and its token does not stay in the address.
  await page.goto(`${stage.origin}/new-password?error=INVALID_TOKEN`);
  await page.locator('.notice', { hasText: 'not valid or has expired' }).waitFor();
  assert.equal(new URL(page.url()).search, '');
  await page.goto(`${stage.origin}/new-password?token=wrong`);
  await page.getByRole('heading', { name: 'Choose a new password' }).waitFor();
  assert.equal(new URL(page.url()).search, '');
  await accessible(stage, 'new password');
  await dialog.getByLabel('New password').fill(OTHER);
  await dialog.locator('form button.strong').click();
  await dialog.getByRole('alert').waitFor();
}
