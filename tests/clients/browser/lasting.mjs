// A reply that is under way survives a reload and a second tab, and is there once.

import assert from 'node:assert/strict';

export default async function (stage) {
  const { page } = stage;
  const pieces = ['One fish, ', 'two fish, ', 'red fish, ', 'blue fish.'];
  await stage.reply({ pieces, pauseAfter: 2 });
  await stage.send('Count the fish');
  const said = page.locator('.reply-text', { hasText: 'two fish' });
  await said.waitFor();
  await page.reload();
  await stage.ready();
  // What had been said is there again, and the reply still under way.
  await said.waitFor();
  await page.getByRole('button', { name: 'Stop the reply' }).waitFor();
  // So it is in another tab.
  const other = await stage.tab(new URL(page.url()).pathname);
  await other.locator('.reply-text', { hasText: 'two fish' }).waitFor();
  await stage.release();
  for (const tab of [page, other]) {
    await stage.idle(tab);
    assert.deepEqual(await stage.replies(tab), [pieces.join('')]);
    assert.equal(await tab.locator('.user').count(), 1);
  }

  // What one tab is told the other one shows.
  await stage.reply({ pieces: ['A thousand.'] });
  await stage.converse('And in the pond?');
  await other.locator('.reply-text', { hasText: 'A thousand.' }).waitFor();
  assert.equal(await other.locator('.user').count(), 2);

  // A page that was left before the server had answered sends its message again, and it counts once.
  await stage.reply({ pieces: ['Only ', 'once.'], pauseAfter: 0 });
  await stage.send('Say it once');
  await page.reload();
  await stage.ready();
  await stage.release();
  await page.locator('.reply-text', { hasText: 'Only once.' }).waitFor();
  await stage.idle();
  assert.equal(await page.locator('.user').count(), 3);
  assert.equal((await stage.replies()).length, 3);

  // What is typed in a conversation that is deleted elsewhere can be used in another one.
  await stage.field.fill('typed in vain?');
  const id = new URL(page.url()).pathname.split('/').at(-1);
  await other.locator('.conversations li.current').hover();
  await other.getByRole('button', { name: /^Delete / }).click();
  await other.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.locator('.notice', { hasText: 'was deleted in another window.' }).waitFor();
  assert.equal(await stage.field.inputValue(), '');
  await page.getByRole('button', { name: 'Use its text here' }).click();
  assert.equal(await stage.field.inputValue(), 'typed in vain?');
  assert.ok(!page.url().includes(id));
}
