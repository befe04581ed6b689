// Emails: an address is confirmed, and a forgotten password is replaced by a new one.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import { accessible } from './axe.mjs';

const PASSWORD = 'a bowl of nine goldfish';
const OTHER = 'a pond of eleven goldfish';

/** What the server hands over to be sent. */
async function mailbox(port) {
  const letters = [];
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    letters.push(JSON.parse(Buffer.concat(parts)));
    response.end('{}');
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { letters, close: () => server.close() };
}

export default async function (stage) {
  const { page } = stage;
  const { letters, close } = await mailbox(stage.mailPort);
  const dialog = page.getByRole('dialog');
  const button = (name) => page.getByRole('button', { name, exact: true });
  const email = `fish-${randomUUID()}@example.com`;
  const letter = (template, after = 0) =>
    stage.eventually(() => {
      const found = letters.slice(after).find((one) => one.to === email && one.template === template);
      assert.ok(found, JSON.stringify(letters.map((one) => one.template)));
      return found;
    });

  await button('Sign in or register').click();
  await dialog.getByRole('button', { name: 'Register' }).click();
  await dialog.getByLabel('Email').fill(email);
  await dialog.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await dialog.locator('form button.strong').click();
  await page.getByText(email).waitFor();

  // The address is confirmed by the link of an email.
  await button('Settings').click();
  await dialog.getByRole('tab', { name: 'Account' }).click();
  await dialog.getByText('This email address is not confirmed.').waitFor();
  await accessible(stage, 'an address that is not confirmed');
  const before = letters.length;
  await dialog.getByRole('button', { name: 'Send confirmation email' }).click();
  await page.locator('.notice', { hasText: 'The email was sent.' }).waitFor();
  const { url: confirmation } = await letter('verify-email', before);
  await page.goto(new URL(new URL(confirmation).pathname + new URL(confirmation).search, stage.origin).href);
  await stage.ready();
  assert.equal(new URL(page.url()).search, '');
  await button('Settings').click();
  await dialog.getByRole('tab', { name: 'Account' }).click();
  await dialog.getByText(`You are signed in as ${email}.`).waitFor();
  assert.equal(await dialog.getByText('This email address is not confirmed.').count(), 0);
  await page.keyboard.press('Escape');
  await button('Sign out').click();
  await dialog.getByRole('button', { name: 'Sign out' }).click();

  // The link of the other email leads to the page's own form, and its token does not stay in the address.
  await button('Sign in or register').click();
  await dialog.getByRole('button', { name: 'Forgot your password?' }).click();
  await dialog.getByLabel('Email').fill(email);
  await accessible(stage, 'a forgotten password');
  await dialog.getByRole('button', { name: 'Send email' }).click();
  await dialog.getByText('If there is an account with this address, an email was sent.').waitFor();
  const { url: reset } = await letter('reset-password');
  await page.goto(new URL(new URL(reset).pathname + new URL(reset).search, stage.origin).href);
  await page.getByRole('heading', { name: 'Choose a new password' }).waitFor();
  assert.doesNotMatch(page.url(), /token|\?/);
  await dialog.getByLabel('New password').fill(OTHER);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.locator('.notice', { hasText: 'The password was changed. Sign in with it.' }).waitFor();
  await dialog.getByLabel('Email').fill(email);
  await dialog.getByLabel('Password', { exact: true }).fill(OTHER);
  await dialog.locator('form button.strong').click();
  await page.getByText(email).waitFor();
  close();
}
