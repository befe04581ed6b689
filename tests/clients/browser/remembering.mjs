// Three conversations are remembered; they can be renamed and deleted, and a fourth makes the oldest go.

import assert from 'node:assert/strict';

export default async function (stage) {
  const { page } = stage;
  const button = (name) => page.getByRole('button', { name, exact: true });
  for (const [number, title] of ['First', 'Second', 'Third'].entries()) {
    if (number > 0) await button('New conversation').click();
    await stage.converse(title);
  }
  await stage.titlesAre('Third', 'Second', 'First');
  await page.getByText('3 of 3 conversations kept').waitFor();

  await page.locator('.conversations li', { hasText: 'First' }).hover();
  await button('Rename First').click();
  await page.getByLabel('New title').fill('The very first');
  await page.keyboard.press('Enter');
  await stage.eventually(async () => assert.ok((await stage.titles()).includes('The very first')));
  await button('The very first').click().catch(() => undefined);

  // It says what a fourth one will cost, and what it has.
  const oldest = (await stage.titles()).at(-1);
  await button('New conversation').click();
  assert.match(await page.locator('.eviction-warning').innerText(), new RegExp(`will delete ${oldest}\\.`));
  await stage.converse('Fourth');
  await page.locator('.notice', { hasText: `“${oldest}” was deleted to make room.` }).waitFor();
  const titles = await stage.titles();
  assert.equal(titles.length, 3);
  assert.equal(titles[0], 'Fourth');
  assert.ok(!titles.includes(oldest));
  await stage.screenshot('forgotten');

  // Deleting asks first.
  const doomed = titles[1];
  await page.locator('.conversations li', { hasText: doomed }).hover();
  await button(`Delete ${doomed}`).click();
  await button('Cancel').click();
  assert.equal((await stage.titles()).length, 3);
  await page.locator('.conversations li', { hasText: doomed }).hover();
  await button(`Delete ${doomed}`).click();
  await button('Delete').click();
  await stage.titlesAre(...titles.filter((title) => title !== doomed));

  // The open one too: what is left is an empty page.
  await page.locator('.conversations li.current').hover();
  await button('Delete Fourth').click();
  await button('Delete').click();
  await page.getByText('How can I help?').waitFor();
  assert.equal(new URL(page.url()).hash, '');
}
