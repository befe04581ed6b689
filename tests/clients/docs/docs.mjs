// node docs.mjs <chromium> <origin>: opens the page of the API's documentation, tries one request on
// it, and tells what was seen and what went wrong.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const PATIENCE = 60_000;
const [, , executablePath, origin] = process.argv;
const folder = await mkdtemp(join(tmpdir(), 'goldfish-docs-'));
const context = await chromium.launchPersistentContext(folder, {
  executablePath,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
try {
  context.setDefaultTimeout(PATIENCE);
  const wrong = [];
  const page = context.pages()[0] ?? (await context.newPage());
  page.on('console', (message) => {
    if (message.type() === 'error') wrong.push(message.text());
  });
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('requestfailed', (request) => wrong.push(`failed: ${request.url()}`));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol !== 'data:' && url.origin !== origin) wrong.push(`elsewhere: ${url}`);
  });
  // What the page's own policy forbids is a mistake of the page.
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener('securitypolicyviolation', (event) => {
      globalThis.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
    });
  });

  await page.goto(`${origin}/docs`);
  await page.locator('.opblock').first().waitFor();
  // Until the group is folded.
  await page.locator('#operations-tag-Better_Auth[data-is-open=false]').waitFor();
  const title = await page.locator('.info .title').innerText();
  const operations = await page.locator('.opblock').count();
  const firstGroup = await page.locator('.opblock-tag').first().getAttribute('data-tag');
  const explained = await page.locator('.info .description').innerText();

  const run = async (id) => {
    const block = page.locator(`[id$="-${id}"].opblock`);
    await block.locator('.opblock-summary-control').click();
    await block.locator('.btn.execute').click();
    const answer = block.locator('.live-responses-table');
    await answer.locator('.response .response-col_status').first().waitFor();
    return {
      status: (await answer.locator('.response .response-col_status').first().innerText()).trim(),
      body: await answer.locator('.response .highlight-code').first().innerText(),
    };
  };
  const health = await run('checkHealth');
  // The page is ours, and so the cookie of the first signs the second in.
  const guest = await run('createGuest');
  const preferences = await run('getPreferences');

  // The first message, and another one.
  const chat = page.locator('[id$="-sendMessage"].opblock');
  await chat.locator('.opblock-summary-control').click();
  const idempotencyKey = await chat.getByPlaceholder('Idempotency-Key').inputValue();
  const chats = [];
  for (const message of ['Hello', 'Hello again']) {
    await chat.locator('textarea.body-param__text').fill(JSON.stringify({ message }));
    const answered = page.waitForResponse((response) => response.url().endsWith('/api/chat'));
    await chat.locator('.btn.execute').click();
    chats.push(String((await answered).status()));
  }
  await page.setViewportSize({ width: 390, height: 844 });
  const phoneWidth = await page.evaluate(() => document.documentElement.scrollWidth);

  wrong.push(...(await page.evaluate(() => globalThis.violations)));
  console.log(JSON.stringify({ idempotencyKey, firstGroup, explained, chats, phoneWidth, title, operations, health, guest: guest.status, preferences, wrong }));
} finally {
  await context.close();
  await rm(folder, { recursive: true, force: true });
}
