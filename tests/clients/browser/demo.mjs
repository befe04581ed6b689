// The first minutes without a provider: what the page says about it, and what the demo program can show.

import assert from 'node:assert/strict';

import { accessible } from './axe.mjs';

export default async function (stage) {
  const { page } = stage;
  const dialog = page.getByRole('dialog');
  const reply = page.locator('.assistant .reply-text').last();
  await stage.converse('Hello goldfish, what is 6 * 7?');
  assert.match(await reply.innerText(), /6 \* 7 = 42/);

  // How to connect a model.
  await page.getByText('The demo program replies, not an AI.').waitFor();
  await page.getByRole('button', { name: 'Connect a model' }).click();
  const commands = await dialog.locator('.command code').allInnerTexts();
  assert.equal(commands.length, 3);
  assert.ok(commands.every((command) => command.includes('cargo up')), String(commands));
  assert.equal(await dialog.getByRole('link', { name: 'API documentation' }).getAttribute('href'), '/docs');
  await accessible(stage, 'connect a model');
  await stage.screenshot('connect');
  await page.keyboard.press('Escape');

  // Each kind of content.
  const show = async (command) => {
    await page.getByRole('link', { name: 'New conversation' }).click();
    await stage.converse(`/demo ${command}`);
  };
  await show('');
  assert.match(await reply.innerText(), /\/demo markdown/);
  await show('markdown');
  for (const element of ['h4', 'table', 'blockquote', 'ol', 'ul', 'pre', 'hr', 'input[type=checkbox]', 'sub', 'kbd']) {
    assert.ok((await reply.locator(element).count()) > 0, element);
  }
  await reply.locator('.hljs-keyword').first().waitFor();
  await accessible(stage, 'every kind of Markdown');
  await show('math');
  await stage.eventually(async () => assert.equal(await reply.locator('math').count(), 4));
  await accessible(stage, 'math');
  await show('rtl');
  const directions = await reply.locator('p').evaluateAll((all) => all.map((element) => getComputedStyle(element).direction));
  assert.deepEqual([...new Set(directions)].sort(), ['ltr', 'rtl']);
  await show('html');
  assert.equal(await reply.locator('script, img').count(), 0);
  assert.match(await reply.innerText(), /<script>/);
  // Reasoning is folded, while it is received and when it is loaded again, and it is no part of the text.
  const reasoning = reply.locator('details.reasoning');
  await show('reasoning');
  for (const moment of ['received', 'loaded']) {
    assert.equal(await reasoning.locator('p').isVisible(), false, moment);
    await reasoning.getByText('Reasoning', { exact: true }).click();
    assert.match(await reasoning.locator('p').innerText(), /cannot think/, moment);
    await accessible(stage, `reasoning, ${moment}`);
    if (moment === 'received') await page.reload();
    await reasoning.waitFor();
  }
  await show('long');
  assert.ok((await reply.locator('p').count()) >= 150);

  // A slow reply can be stopped; one that breaks off and one that fails say so.
  await page.getByRole('link', { name: 'New conversation' }).click();
  await stage.send('/demo slow');
  await page.locator('.reply-text', { hasText: 'This' }).waitFor();
  await page.getByRole('button', { name: 'Stop the reply' }).click();
  await stage.idle();
  stage.expect(/status of 50[0-9]/);
  for (const command of ['error', 'fail']) {
    await page.getByRole('link', { name: 'New conversation' }).click();
    await stage.send(`/demo ${command}`);
    await page.locator('.problem [role=alert]').waitFor();
    await accessible(stage, command);
  }

  // Without JavaScript there is a sentence that can be seen.
  const session = await stage.context.newCDPSession(page);
  await session.send('Emulation.setScriptExecutionDisabled', { value: true });
  await page.goto(stage.origin);
  // Playwright finds no text in `noscript`.
  const sentence = page.locator('.no-script');
  await sentence.waitFor();
  assert.match(await sentence.innerText(), /This page needs JavaScript\./);
  assert.ok((await sentence.boundingBox()).y < 200);
}
