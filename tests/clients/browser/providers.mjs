// Sign-in through GitHub and Google: offered where the operator has configured it.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import { accessible } from './axe.mjs';

export default async function (stage) {
  const { page } = stage;
  const dialog = page.getByRole('dialog');
  const inDialog = (name) => dialog.getByRole('button', { name, exact: true });
  stage.expect(/a request to https:\/\/github\.com/);
  const asked = [];
  await stage.context.route('https://github.com/**', (route) => {
    asked.push(new URL(route.request().url()));
    return route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>GitHub</title>' });
  });

  await page.getByRole('button', { name: 'Sign in or register' }).click();
  await inDialog('Continue with GitHub').waitFor();
  assert.equal(await inDialog('Continue with Google').count(), 0);
  await accessible(stage, 'sign-in methods');
  await inDialog('Continue with GitHub').click();
  await page.waitForURL('https://github.com/**');
  assert.equal(asked[0].pathname, '/login/oauth/authorize');
  assert.equal(asked[0].searchParams.get('client_id'), 'goldfish');
  assert.ok(asked[0].searchParams.get('state'));

  // An account is linked in the settings. Of several sessions, all can be ended at once.
  await page.goto(stage.origin);
  await stage.ready();
  const account = { email: `fish-${randomUUID()}@example.com`, password: 'a bowl of nine goldfish' };
  await page.getByRole('button', { name: 'Sign in or register' }).click();
  await inDialog('Register').click();
  await dialog.getByLabel('Email').fill(account.email);
  await dialog.getByLabel('Password', { exact: true }).fill(account.password);
  await dialog.locator('form button.strong').click();
  await page.getByText(account.email).waitFor();
  const elsewhere = await fetch(`${stage.origin}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(account),
  });
  const { token } = await elsewhere.json();
  const isSignedIn = async () =>
    (await fetch(`${stage.origin}/api/history`, { headers: { authorization: `Bearer ${token}` } })).status === 200;
  assert.equal(await isSignedIn(), true);

  await page.getByRole('button', { name: 'Settings' }).click();
  await dialog.getByRole('tab', { name: 'Account' }).click();
  await inDialog('Link GitHub').waitFor();
  await stage.eventually(async () => assert.equal(await dialog.locator('#sessions + ul li').count(), 2));
  await accessible(stage, 'sessions and sign-in methods');
  await inDialog('Sign out everywhere').click();
  await page.getByText('Not signed in').waitFor();
  assert.equal(await isSignedIn(), false);
  stage.expect(/status of 401/);
}
