// Everything by keyboard alone, and the focus is always to be seen.

import assert from 'node:assert/strict';

export default async function (stage) {
  const { page } = stage;
  const { keyboard } = page;
  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement;
      const around = element.closest('.field') ?? element;
      const { outlineStyle, outlineWidth } = getComputedStyle(around);
      return {
        name: element.getAttribute('aria-label') ?? element.textContent,
        id: element.id,
        isSeen: outlineStyle !== 'none' && outlineWidth !== '0px',
      };
    });
  const tabTo = async (name) => {
    for (let step = 0; step < 40; step += 1) {
      await keyboard.press('Tab');
      const here = await focused();
      if (here.name === name) {
        assert.ok(here.isSeen, name);
        return;
      }
    }
    assert.fail(`no way to ${name}`);
  };

  await keyboard.type('A line');
  await keyboard.press('Shift+Enter');
  await keyboard.type('and another');
  assert.equal(await stage.field.inputValue(), 'A line\nand another');
  await keyboard.press('Enter');
  await stage.idle();
  assert.equal(await page.locator('.user .plain').innerText(), 'A line\nand another');
  assert.equal((await focused()).id, 'message');

  // The first stop leads to the field.
  await page.reload();
  await stage.idle();
  await page.evaluate(() => document.activeElement.blur());
  await tabTo('Skip to the message field');
  await keyboard.press('Enter');
  assert.equal((await focused()).id, 'message');

  const title = (await stage.titles())[0];
  await tabTo(`Rename ${title}`);
  await keyboard.press('Enter');
  await keyboard.type('Lines');
  await keyboard.press('Enter');
  await stage.titlesAre('Lines');
  await stage.eventually(async () => assert.equal((await focused()).name, 'Rename Lines'));
  // Escape changes nothing.
  await keyboard.press('Enter');
  await keyboard.type('Other');
  await keyboard.press('Escape');
  await stage.eventually(async () => assert.equal((await focused()).name, 'Rename Lines'));
  await stage.titlesAre('Lines');

  await tabTo('Regenerate');
  await keyboard.press('Enter');
  await stage.eventually(async () => assert.match(await page.locator('[aria-live=polite]').innerText(), /^Reply finished, /));
  await stage.idle();

  await tabTo('Delete Lines');
  await keyboard.press('Enter');
  await tabTo('Cancel');
  await keyboard.press('Escape');
  await stage.eventually(async () => assert.equal((await focused()).name, 'Delete Lines'));
  await keyboard.press('Enter');
  await tabTo('Delete');
  await keyboard.press('Enter');
  await stage.titlesAre();
  await stage.eventually(async () => assert.equal((await focused()).id, 'message'));
}
