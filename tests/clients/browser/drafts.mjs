// What is typed belongs to its conversation, conversations are links, and signing out takes everything away.

import assert from 'node:assert/strict';

import { accessible } from './axe.mjs';

export default async function (stage) {
  const { page } = stage;
  const { field } = stage;
  const title = (name) => page.getByRole('link', { name });
  await stage.converse('Alpha');
  const alpha = page.url();
  await title('New conversation').click();
  await stage.converse('Beta');
  const beta = page.url();
  await field.fill('for Beta');
  await title(/^Alpha/).click();
  assert.equal(await field.inputValue(), '');
  await field.fill('for Alpha');
  await title('New conversation').click();
  assert.equal(await field.inputValue(), '');
  await field.fill('for a new one');

  // Back and forward, reload, and the title.
  await page.goBack();
  await page.locator('.user .plain', { hasText: 'Alpha' }).waitFor();
  assert.equal(page.url(), alpha);
  assert.equal(await field.inputValue(), 'for Alpha');
  await page.goBack();
  await page.locator('.user .plain', { hasText: 'Beta' }).waitFor();
  assert.equal(page.url(), beta);
  await stage.eventually(async () => assert.equal(await page.title(), 'Beta – goldfish'));
  await page.reload();
  await stage.idle();
  assert.equal(await field.inputValue(), 'for Beta');
  await page.goForward();
  await page.locator('.user .plain', { hasText: 'Alpha' }).waitFor();
  assert.equal(await field.inputValue(), 'for Alpha');

  // A click with a key opens another tab, and `/` opens where one was.
  const [other] = await Promise.all([
    stage.context.waitForEvent('page'),
    title(/^Beta/).click({ modifiers: ['Control'] }),
  ]);
  await other.locator('.user .plain', { hasText: 'Beta' }).waitFor();
  assert.equal(other.url(), beta);
  await other.goto(stage.origin);
  await other.locator('.user .plain', { hasText: 'Beta' }).waitFor();
  await other.close();

  // The messages are searched.
  await page.getByLabel('Search conversations').fill('from the bowl');
  await stage.eventually(async () => assert.equal((await stage.titles()).length, 2));
  await page.getByLabel('Search conversations').fill('ALPH');
  await stage.titlesAre('Alpha');
  await page.getByLabel('Search conversations').fill('nothing like it');
  await page.getByText('Nothing was found.').waitFor();
  await accessible(stage, 'a search without result');
  await page.getByLabel('Search conversations').fill('');

  // Export.
  for (const [item, name, pattern] of [
    ['Export as Markdown', 'Alpha.md', /^# Alpha\n[^]*Hello from the bowl\./],
    ['Export as JSON', 'Alpha.json', /"role": "assistant"/],
  ]) {
    await page.getByLabel('Conversation menu').click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: item }).click(),
    ]);
    assert.equal(download.suggestedFilename(), name);
    const parts = [];
    for await (const part of await download.createReadStream()) parts.push(part);
    assert.match(Buffer.concat(parts).toString(), pattern);
  }

  // On paper there are only the messages.
  await page.emulateMedia({ media: 'print' });
  assert.equal(await page.locator('aside').isVisible(), false);
  assert.equal(await page.locator('.composer').isVisible(), false);
  assert.equal(await page.locator('.user .plain').isVisible(), true);
  // Dark text, also for who uses the page in dark.
  await page.evaluate(() => (document.documentElement.dataset.theme = 'dark'));
  const ink = await page.locator('.user .plain').evaluate((element) => getComputedStyle(element).color);
  assert.equal(ink, 'rgb(21, 41, 44)');
  await page.emulateMedia({ media: 'screen' });

  // Nothing of the user stays after signing out; nor in another tab, where a message could not be sent.
  const second = await stage.tab(new URL(beta).pathname);
  await second.locator('.user .plain', { hasText: 'Beta' }).waitFor();
  stage.expect(/ERR_FAILED/);
  await second.route('**/api/chat', (route) => route.abort());
  const otherField = second.getByLabel('Message', { exact: true });
  await otherField.fill('for Beta, unsent');
  await otherField.press('Enter');
  await second.locator('.problem').waitFor();
  await otherField.fill('for Beta, in a second tab');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('Not signed in').waitFor();
  assert.equal(await field.inputValue(), '');
  const stored = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  assert.doesNotMatch(stored, /for (?:Alpha|Beta|a new one)|[0-9a-f]{8}-/);

  await second.getByText('Not signed in').waitFor();
  await stage.eventually(async () => assert.equal(await otherField.inputValue(), ''));
  assert.equal(await second.locator('.user').count(), 0);
  const alsoStored = await second.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  assert.doesNotMatch(alsoStored, /for Beta|[0-9a-f]{8}-/);
  await second.close();

  // What is typed before signing in stays.
  await field.fill('typed by nobody');
  await page.getByRole('button', { name: 'Continue as guest' }).click();
  await page.getByText('Guest', { exact: true }).waitFor();
  assert.equal(await field.inputValue(), 'typed by nobody');
  await field.fill('');

  // An unknown conversation is a sentence, not an endless retry.
  stage.expect(/status of 404/);
  await page.goto(beta);
  await page.getByText('There is no such conversation.').waitFor();
  await accessible(stage, 'no such conversation');
  assert.equal(await page.getByRole('button', { name: 'Reload' }).count(), 0);
  await page.locator('.problem').getByRole('button', { name: 'New conversation' }).click();
  await page.getByText('How can I help?').waitFor();

  // A wrong address has a page.
  const wrong = await page.goto(`${stage.origin}/nothing/here`);
  assert.equal(wrong.status(), 404);
  await page.getByRole('heading', { name: 'Page not found' }).waitFor();
  await accessible(stage, 'a wrong address');
  await page.getByRole('link', { name: 'Open the chat' }).click();
  await stage.ready();
}
