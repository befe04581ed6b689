// On a narrow screen nothing is cut off, and the list is a drawer.

import assert from 'node:assert/strict';

import { accessible } from './axe.mjs';

const REPLY = `A word that does not end: ${'fish'.repeat(60)}

\`\`\`js
const line = '${'a long line of code, '.repeat(8)}';
\`\`\`

| ${'a wide column | '.repeat(9)}
|${'---|'.repeat(9)}
| ${'some cell of it | '.repeat(9)}
`;

export default async function (stage) {
  await stage.launch({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });
  const { page } = stage;
  const fits = async (what) => {
    const { inner, scroll } = await page.evaluate(() => ({
      inner: innerWidth,
      scroll: Math.max(document.documentElement.scrollWidth, document.querySelector('.scroller').scrollWidth),
    }));
    assert.equal(inner, 390, what);
    assert.ok(scroll <= inner, `${what}: ${scroll} wide`);
  };
  /** Everything that fingers press, except links in a sentence. */
  const targetsAreLarge = async (what) => {
    const targets = ['button', 'select', 'summary', 'nav a', 'input:not([type=checkbox], [type=file])', 'textarea', 'label.check'];
    const small = await page.locator(targets.map((target) => `${target}:visible`).join(', ')).evaluateAll((all) =>
      all
        // What is behind the list or a dialog cannot be pressed.
        .filter((element) => !element.closest('[inert]') && (!document.querySelector('dialog') || element.closest('dialog')))
        .map((element) => {
          // The field around it takes the focus too.
          const { width, height } = (element.closest('.field') ?? element).getBoundingClientRect();
          return { name: element.ariaLabel ?? element.textContent, width, height };
        })
        .filter(({ width, height }) => width < 44 || height < 44),
    );
    assert.deepEqual(small, [], what);
  };
  await fits('welcome');
  await targetsAreLarge('welcome');
  await accessible(stage, 'welcome');
  await stage.screenshot('welcome');
  await stage.reply({ pieces: [REPLY] });
  await stage.converse(`A question of one word: ${'why'.repeat(80)}`);
  await fits('a conversation');
  await accessible(stage, 'a conversation');
  await stage.screenshot('wide-content');
  await targetsAreLarge('a conversation');

  const aside = page.getByRole('complementary');
  await assert.doesNotReject(aside.waitFor({ state: 'hidden' }));
  const opener = page.getByRole('button', { name: 'Show the list of conversations' });
  await opener.tap();
  await aside.waitFor();
  await stage.eventually(async () => assert.equal(Math.round((await aside.boundingBox()).x), 0));
  await fits('the list');
  await accessible(stage, 'the list');
  await stage.screenshot('list');
  await targetsAreLarge('the list');
  // What is behind it is out of reach, and Escape leads back.
  assert.equal(await page.locator('main').getAttribute('inert'), '');
  await page.keyboard.press('Escape');
  await aside.waitFor({ state: 'hidden' });
  await stage.eventually(async () => {
    assert.equal(await opener.evaluate((button) => button === document.activeElement), true);
  });

  await opener.tap();
  await page.getByRole('link', { name: 'New conversation' }).tap();
  await aside.waitFor({ state: 'hidden' });
  await page.getByText('How can I help?').waitFor();
  await opener.tap();
  await page.touchscreen.tap(370, 400);
  await aside.waitFor({ state: 'hidden' });

  // Dialogs, errors, and the channels.
  await opener.tap();
  await page.getByRole('button', { name: 'Settings' }).tap();
  const dialog = page.getByRole('dialog');
  for (const tab of ['General', 'Account', 'API keys', 'Usage']) {
    await dialog.getByRole('tab', { name: tab }).tap();
    await dialog.getByRole('tabpanel', { name: tab }).waitFor();
    await fits(tab);
    await accessible(stage, tab);
    await targetsAreLarge(tab);
  }
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Sign in or register' }).tap();
  await accessible(stage, 'signing in');
  await targetsAreLarge('signing in');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await aside.waitFor({ state: 'hidden' });
  stage.expect(/status of 503/);
  await stage.reply({ fault: 'overloaded' });
  await stage.send('Does this fail?');
  await page.locator('.problem').waitFor();
  await fits('an error');
  await accessible(stage, 'an error');
  await targetsAreLarge('an error');
  await opener.tap();
  await page.getByRole('link', { name: 'Channels' }).tap();
  await page.getByLabel('Search channels').waitFor();
  await fits('channels');
  await accessible(stage, 'channels');
  await targetsAreLarge('channels');
  await opener.tap();
  await page.getByRole('link', { name: 'AI chat' }).tap();
  await aside.waitFor({ state: 'hidden' });

  // On its side, and at 400 %, there is room to read.
  for (const [width, height] of [
    [844, 390],
    [320, 256],
  ]) {
    await page.setViewportSize({ width, height });
    const room = await page.locator('.scroller').evaluate((element) => element.clientHeight);
    assert.ok(room >= height * 0.4, `${width} x ${height}: ${room}`);
  }
}
