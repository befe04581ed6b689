// A browser with the page in it, a provider that says what it is told to, and what a person does.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

/** How long anything may take before it counts as hanging. */
const PATIENCE = 60_000;

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export class Stage {
  #name;
  #settings;
  #folder;
  #context;
  /** Console errors, errors of scripts, violations of the policy, requests to elsewhere. */
  #wrong = [];
  #expected = [];

  static async open(name, settings) {
    const stage = new Stage();
    stage.#name = name;
    stage.#settings = settings;
    stage.#folder = await mkdtemp(join(tmpdir(), 'goldfish-browser-'));
    await stage.launch();
    return stage;
  }

  /** A browser of somebody who was never here, on this screen, with these of its preferences changed. */
  async launch(screen = {}, preferences = {}) {
    await this.#context?.close();
    await rm(this.#folder, { recursive: true, force: true });
    await mkdir(join(this.#folder, 'Default'), { recursive: true });
    await writeFile(join(this.#folder, 'Default', 'Preferences'), JSON.stringify(preferences));
    this.#context = await chromium.launchPersistentContext(this.#folder, {
      executablePath: this.#settings.chromium,
      args: ARGUMENTS,
      viewport: { width: 1280, height: 800 },
      colorScheme: 'light',
      locale: 'en-GB',
      ...screen,
    });
    this.#context.setDefaultTimeout(PATIENCE);
    this.#context.on('page', (page) => this.#watch(page));
    this.#context.on('request', (request) => {
      const url = new URL(request.url());
      if (url.origin !== this.#settings.page) this.#wrong.push(`a request to ${url.origin}`);
    });
    await this.#context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
      });
    });
    const [page] = this.#context.pages();
    this.#watch(page);
    this.page = page;
    await page.goto(this.#settings.page);
    await this.ready();
  }

  #watch(page) {
    page.on('console', (message) => {
      if (message.type() === 'error') this.#wrong.push(message.text());
    });
    page.on('pageerror', (error) => this.#wrong.push(String(error)));
  }

  /** Another tab of the same browser. */
  async tab(path = '/') {
    const page = await this.#context.newPage();
    await page.goto(this.#settings.page + path);
    await this.ready(page);
    return page;
  }

  get context() {
    return this.#context;
  }

  get origin() {
    return this.#settings.page;
  }

  /** The port of the webhook for emails. */
  get mailPort() {
    return this.#settings.mailPort;
  }

  /** A frontend on another site: its port, and whether its requests have a session. */
  get frontend() {
    return this.#settings.frontend;
  }

  /** The folder of the TypeScript SDK, built. */
  get sdk() {
    return this.#settings.sdk;
  }

  /** The folder of the repository. */
  get repository() {
    return this.#settings.repository;
  }

  get forReadme() {
    return this.#settings.forReadme;
  }

  async ready(page = this.page) {
    await page.locator('.user-name').waitFor({ state: 'attached' });
  }

  /** What the browser may complain about, because the scenario brings it about. */
  expect(pattern) {
    this.#expected.push(pattern);
  }

  assertQuiet() {
    const wrong = this.#wrong.filter((text) => !this.#expected.some((pattern) => pattern.test(text)));
    assert.deepEqual(wrong, []);
  }

  /** The provider's next reply: `pieces`, `pauseAfter`, `fault`. */
  async reply(wish) {
    await this.#direct(wish);
  }

  /** Lets replies that pause go on. */
  async release() {
    await this.#direct({ release: true });
  }

  async #direct(wish) {
    const response = await fetch(this.#settings.provider, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'director', messages: [], ...wish }),
    });
    assert.equal(response.status, 200);
    await response.text();
  }

  get field() {
    return this.page.getByLabel('Message', { exact: true });
  }

  async send(text) {
    await this.field.fill(text);
    await this.field.press('Enter');
  }

  /** Sends, and waits until the reply has ended. */
  async converse(text) {
    await this.send(text);
    await this.idle();
  }

  /** Waits until no reply is under way. */
  async idle(page = this.page) {
    await page.getByRole('button', { name: 'Regenerate' }).first().waitFor();
  }

  /** The texts of all replies that are shown. */
  async replies(page = this.page) {
    return page.locator('.assistant .reply-text').allInnerTexts();
  }

  /** The titles in the list. */
  async titles() {
    return this.page.locator('.conversations .name').allInnerTexts();
  }

  /** Waits until the titles in the list are these. */
  async titlesAre(...titles) {
    await this.eventually(async () => assert.deepEqual(await this.titles(), titles));
  }

  /** Until it no longer throws. */
  async eventually(check) {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      try {
        return await check();
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  pathOf(what) {
    return join(this.#settings.screenshots, `${this.#name}-${what}.png`);
  }

  async screenshot(what) {
    await this.page.screenshot({
      path: this.pathOf(what),
      animations: 'disabled',
      caret: 'hide',
    });
  }

  async close() {
    await this.#context?.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
