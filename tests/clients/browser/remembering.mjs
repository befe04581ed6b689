// Three conversations are remembered; they can be renamed and deleted, and a fourth makes the oldest go.

import assert from 'node:assert/strict';

import { accessible } from './axe.mjs';

export default async function (stage) {
  const { page } = stage;
  const link = (name) => page.getByRole('link', { name, exact: true });
  const button = (name) => page.getByRole('button', { name, exact: true });
  for (const [number, title] of ['First', 'Second', 'Third'].entries()) {
    if (number > 0) await link('New conversation').click();
    await stage.converse(title);
  }
  await stage.titlesAre('Third', 'Second', 'First');
  await page.getByText('3 of 3 conversations kept').waitFor();

  await page.locator('.conversations li', { hasText: 'First' }).hover();
  await button('Rename First').click();
  await page.getByLabel('New title').fill('The very first');
  await page.keyboard.press('Enter');
  await stage.eventually(async () => assert.ok((await stage.titles()).includes('The very first')));

  // Renaming does not count: the one whose last message is the oldest goes. It says so before.
  const oldest = 'The very first';
  await link('New conversation').click();
  assert.match(await page.locator('.eviction-warning').innerText(), new RegExp(`will delete ${oldest}\\.`));
  await stage.converse('Fourth');
  await page.locator('.notice', { hasText: `“${oldest}” was deleted to make room.` }).waitFor();
  await stage.eventually(async () => {
    const titles = await stage.titles();
    assert.equal(titles.length, 3);
    assert.equal(titles[0], 'Fourth');
    assert.ok(!titles.includes(oldest));
  });
  await accessible(stage, 'a notice');
  await stage.screenshot('forgotten');

  // It can be brought back, and pinned; then another one goes.
  await button('Undo').click();
  await page.locator('.notice', { hasText: `“${oldest}” is back.` }).waitFor();
  await stage.eventually(async () => assert.ok((await stage.titles()).includes(oldest)));
  await page.locator('.conversations .title', { hasText: oldest }).click();
  await page.locator('header h2', { hasText: oldest }).waitFor();
  await page.getByLabel('Conversation menu').click();
  await button('Keep (pin)').click();
  await page.locator('.conversations .pinned').waitFor();
  await link('New conversation').click();
  await stage.converse('Fifth');
  await stage.eventually(async () => {
    const kept = await stage.titles();
    assert.ok(kept.includes(oldest) && kept.includes('Fifth') && kept.length === 3, String(kept));
  });

  // Deleting asks first.
  const doomed = (await stage.titles())[1];
  await page.locator('.conversations li', { hasText: doomed }).hover();
  await button(`Delete ${doomed}`).click();
  await button('Cancel').click();
  assert.equal((await stage.titles()).length, 3);
  await page.locator('.conversations li', { hasText: doomed }).hover();
  await button(`Delete ${doomed}`).click();
  await button('Delete').click();
  await stage.eventually(async () => assert.ok(!(await stage.titles()).includes(doomed)));
  await page.locator('.conversations .title', { hasText: 'Fifth' }).click();

  // The open one too: what is left is an empty page.
  await page.locator('.conversations li.current').hover();
  await button('Delete Fifth').click();
  await button('Delete').click();
  await page.getByText('How can I help?').waitFor();
  assert.equal(new URL(page.url()).pathname, '/new');
}
