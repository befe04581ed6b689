// How fast the page is: the first paint with a processor four times as slow, and typing while a long reply arrives.
// The figures are written to a file; they depend on the machine, so none is asserted.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

const SLOWDOWN = 4;
const PARAGRAPH = `${'A word and **another** one. '.repeat(34)}\n\n`;
/** About 100 KB. */
const PARAGRAPHS = 110;
const TYPED = 'typing meanwhile';

export default async function (stage) {
  await stage.launch();
  const { page } = stage;
  const session = await stage.context.newCDPSession(page);
  await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWDOWN });

  // Until something is painted, and until what is typed is shown.
  await page.addInitScript(() => {
    const look = () => {
      const field = document.querySelector('#message');
      if (field) globalThis.usableAt ??= performance.now();
      else requestAnimationFrame(look);
    };
    look();
  });
  await page.goto(stage.origin, { waitUntil: 'load' });
  await stage.ready();
  const firstPaint = await page.evaluate(
    () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN,
  );
  const usable = await page.evaluate(() => globalThis.usableAt);
  assert.ok(firstPaint > 0 && usable > 0, `${firstPaint} ${usable}`);

  await session.send('Emulation.setCPUThrottlingRate', { rate: 1 });
  const frameMs = await typing(stage);

  const figures = {
    slowdown: SLOWDOWN,
    firstPaintMs: Math.round(firstPaint),
    fieldUsableMs: Math.round(usable),
    frameMs,
  };
  const file = stage.pathOf('figures').replace(/png$/, 'json');
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(figures, null, 2)}\n`);
}

/** Types while a long reply arrives. Returns the times between two frames, in milliseconds. */
async function typing(stage) {
  const { page } = stage;
  await page.getByRole('link', { name: 'New conversation' }).click();
  const pieces = Array.from({ length: PARAGRAPHS }, () => PARAGRAPH).join('').match(/[^]{1,60}/g);
  // Pauses, so that the reply has not ended before it is seen to arrive.
  await stage.reply({ pieces, pauseAfter: Math.floor(pieces.length / 10) });
  await stage.send('Something long');
  await page.locator('.assistant[aria-busy] p').first().waitFor();
  await page.evaluate(() => {
    globalThis.frames = [];
    let last = performance.now();
    const next = (now) => {
      globalThis.frames?.push(now - last);
      last = now;
      if (globalThis.frames) requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  });
  await stage.release();
  await stage.field.pressSequentially(TYPED, { delay: 40 });
  const frames = await page.evaluate(() => {
    const sorted = globalThis.frames.sort((one, other) => one - other);
    globalThis.frames = undefined;
    return sorted;
  });
  assert.equal(await stage.field.inputValue(), TYPED);
  await stage.field.fill('');
  await stage.idle();
  assert.equal(await page.locator('.assistant .reply-text p').count(), PARAGRAPHS);
  const at = (part) => Math.round(frames[Math.floor((frames.length - 1) * part)] * 10) / 10;
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}
