// What replies contain: math, footnotes, other directions of writing, a few elements, and much text.

import assert from 'node:assert/strict';

import { accessible } from './axe.mjs';
import { PIXEL } from './files.mjs';

const REPLY = String.raw`<think>
First I **reason**.

Then I answer.
</think>

Einstein wrote \(E = mc^2\) and $a^2 + b^2$, for $5 and $10, or US$5/$6.

\[ \int_0^1 x\,dx = \frac12 \]

$$
\sum_{i=1}^n i
$$

# Heading

مرحبا بالعالم.

Water is H<sub>2</sub>O, x<sup>2</sup>, press <kbd>Ctrl</kbd>, caf&eacute; &alpha;.[^1]

- [x] done
- [ ] open

[^1]: The note.

A bad formula: $\frac{$ and \(\undefined{x}\).

![one pixel](data:image/png;base64,${PIXEL.toString('base64')}) and ![elsewhere](https://example.com/a.png)

| ${'a wide column | '.repeat(16)}
|${'---|'.repeat(16)}
| ${'some cell of it | '.repeat(16)}
`;

export default async function (stage) {
  const { page } = stage;
  await stage.reply({ pieces: REPLY.match(/[^]{1,7}/g) });
  await stage.converse('Show me everything');
  const reply = page.locator('.assistant .reply-text');
  await stage.eventually(async () => assert.equal(await reply.locator('math').count(), 4));
  assert.equal(await reply.locator('.math.display math').count(), 2);
  const text = await reply.innerText();
  assert.match(text, /for \$5 and \$10, or US\$5\/\$6\./);
  assert.match(text, /A bad formula: \$\\frac\{\$ and \\\(\\undefined\{x\}\\\)\./);
  assert.match(text, /café α/);
  assert.deepEqual(
    await reply.evaluate((element) => ['sub', 'sup', 'kbd'].map((name) => element.querySelector(name).textContent)),
    ['2', '2', 'Ctrl'],
  );
  // Reasoning is folded, and is plain text.
  const reasoning = reply.locator('details.reasoning');
  assert.equal(await reasoning.locator('p').isVisible(), false);
  await reasoning.getByText('Reasoning', { exact: true }).click();
  assert.equal(await reasoning.locator('p').innerText(), 'First I **reason**.\n\nThen I answer.');
  // Tasks are boxes.
  assert.deepEqual(
    await reply.locator('li.task input').evaluateAll((all) => all.map((box) => [box.checked, box.getAttribute('aria-label')])),
    [
      [true, 'done'],
      [false, 'to do'],
    ],
  );
  // An image in the reply is shown; one from elsewhere is a link.
  const picture = reply.getByRole('img', { name: 'one pixel' });
  await stage.eventually(async () => assert.equal(await picture.evaluate((image) => image.naturalWidth), 1));
  assert.equal(await reply.locator('img').count(), 1);
  await reply.getByRole('link', { name: 'image: elsewhere' }).waitFor();
  // A wide table scrolls, and shows it by a shadow at the side that has more.
  const wide = await reply.locator('.table').evaluate((region) => ({
    scrolls: region.scrollWidth > region.clientWidth,
    shadows: getComputedStyle(region).backgroundAttachment,
    tabIndex: region.tabIndex,
  }));
  assert.deepEqual(wide, { scrolls: true, shadows: 'local, local, scroll, scroll', tabIndex: 0 });
  // Below the message's own heading.
  assert.equal(await reply.locator('h4', { hasText: 'Heading' }).count(), 1);
  const arabic = reply.locator('p', { hasText: 'مرحبا' });
  assert.equal(await arabic.evaluate((element) => getComputedStyle(element).direction), 'rtl');
  assert.equal(await arabic.getAttribute('dir'), 'auto');
  await reply.getByRole('button', { name: 'Footnote 1' }).click();
  await stage.eventually(async () => {
    assert.equal(await page.evaluate(() => document.activeElement.dataset.footnote), '1');
  });
  await accessible(stage, 'every kind of content');
  await stage.screenshot('content');

  // An image of this server is shown.
  const uploaded = await page.request.post(`${stage.origin}/api/v1/files/upload`, {
    headers: { 'x-filename': 'fish.png', 'content-type': 'image/png' },
    data: PIXEL,
  });
  const { file } = await uploaded.json();
  await stage.reply({ pieces: [`![a fish](${new URL(file.url).pathname})`] });
  await stage.converse('Show the file');
  const stored = page.getByRole('img', { name: 'a fish' });
  await stage.eventually(async () => assert.equal(await stored.evaluate((image) => image.naturalWidth), 1));

  // A long reply: what was shown before is not rendered again, and the field stays quick.
  const paragraph = `${'A word and another one. '.repeat(40)}\n\n`;
  const pieces = Array.from({ length: 110 }, () => paragraph);
  await stage.reply({ pieces, pauseAfter: 55 });
  await stage.send('A long one');
  const growing = page.locator('.assistant[aria-busy] .reply-text');
  await stage.eventually(async () => assert.equal(await growing.locator('p').count(), 55));
  await page.evaluate(() => {
    globalThis.changed = 0;
    const paragraphs = [...document.querySelectorAll('.assistant[aria-busy] .reply-text p')].slice(0, 50);
    for (const element of paragraphs) {
      new MutationObserver(() => (globalThis.changed += 1)).observe(element, { childList: true, subtree: true });
    }
  });
  // The end of the reply is one click away.
  await page.locator('.scroller').evaluate((element) => (element.scrollTop = 0));
  const toEnd = page.getByRole('button', { name: 'Jump to the end' });
  await toEnd.waitFor();
  await stage.release();
  await stage.eventually(async () => assert.equal(await page.locator('.assistant').last().locator('p').count(), 110));
  assert.equal(await page.evaluate(() => globalThis.changed), 0);
  await stage.idle();
  assert.equal(await page.locator('.scroller').evaluate((element) => element.scrollTop < 100), true);
  await toEnd.click();
  await toEnd.waitFor({ state: 'detached' });
}
