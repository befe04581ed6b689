// What it looks like: a conversation with code on a desk, in the light, and on a phone, in the dark.

import assert from 'node:assert/strict';
import { copyFile, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

const MEMORY = `Not three seconds: **months**. In one well-known kind of experiment, goldfish learnt to press a lever for
food, and to do so only during a certain hour of the day. They kept to the hour for weeks.

| what they were taught | how long it lasted |
|---|--:|
| to avoid a light | about a month |
| to press a lever | three months |
| a way through a maze | over a month |

So the saying is unfair. *Forgetting on purpose*, on the other hand, is a skill.`;

const CODE = `Keep the entries in a \`Map\`: it remembers the order in which keys came, so the first one is always the oldest.

\`\`\`typescript
class Bowl<Key, Value> {
  #fish = new Map<Key, Value>();

  constructor(readonly capacity = 3) {}

  get(key: Key): Value | undefined {
    const value = this.#fish.get(key);
    if (value !== undefined) this.set(key, value); // youngest again
    return value;
  }

  set(key: Key, value: Value): void {
    this.#fish.delete(key);
    this.#fish.set(key, value);
    if (this.#fish.size > this.capacity) {
      this.#fish.delete(this.#fish.keys().next().value!);
    }
  }
}
\`\`\`

Both operations take constant time.`;

const words = (text) => text.match(/\s*\S+/g);

export default async function (stage) {
  await stage.launch({ viewport: { width: 1280, height: 940 } });
  await furnish(stage);
  await picture(stage, 'desktop');
  await stage.launch({ viewport: { width: 1280, height: 800 } });
  await team(stage);
  await picture(stage, 'channels');
  await stage.launch({
    viewport: { width: 390, height: 844 },
    colorScheme: 'dark',
    deviceScaleFactor: 2,
    isMobile: true,
    hasTouch: true,
  });
  await furnish(stage);
  await picture(stage, 'phone');
}

async function furnish(stage) {
  const narrow = stage.page.getByRole('button', { name: 'Show the list of conversations' });
  const another = async () => {
    if (await narrow.isVisible()) await narrow.tap();
    await stage.page.getByRole('link', { name: 'New conversation' }).click();
  };
  await stage.reply({ pieces: words('Sourdough wants patience more than yeast.') });
  await stage.converse('Why does my sourdough not rise?');
  await another();
  await stage.reply({ pieces: words(MEMORY) });
  await stage.converse('How long is a goldfish’s memory, really?');
  await another();
  await stage.reply({ pieces: words(CODE) });
  await stage.converse('Write me a cache that forgets the oldest entry');
  await stage.page.evaluate(() => document.fonts.ready);
}

/** A thread of three people. */
async function team(stage) {
  const { page, origin } = stage;
  const dialog = page.getByRole('dialog');
  const account = (name) => ({ name, email: `${name.toLowerCase()}@example.com`, password: 'a bowl of nine goldfish' });
  const member = async (name) => {
    const call = async (path, body, token) => {
      const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
      const response = await fetch(origin + path, { method: 'POST', headers, body: JSON.stringify(body) });
      assert.ok(response.ok, `${path}: ${response.status}`);
      return response.json();
    };
    const { token } = await call('/api/v1/auth/register', account(name));
    return (path, body) => call(path, body, token);
  };
  const [ada, ben] = [await member('Ada'), await member('Ben')];
  const channel = await ada('/api/channels', { name: 'Design', description: 'Colours, type and fish' });
  await ada('/api/channels', { name: 'Announcements' });
  await ben('/api/members', { channelId: channel.id });
  const { id: threadId } = await ada('/api/threads', { channelId: channel.id, name: 'New logo' });
  const post = (who, content) => who('/api/messages', { threadId, content });
  await post(ada, 'Which fish do we take for the **new logo**? The old one looks tired.');
  await post(ben, 'The orange one, it is the only one that people recognise:\n\n| fish | votes |\n|---|--:|\n| orange | 12 |\n| blue | 3 |');
  await page.getByRole('button', { name: 'Sign in or register' }).click();
  await dialog.getByRole('button', { name: 'Register' }).click();
  const { email, password } = account('Clara');
  await dialog.getByLabel('Email').fill(email);
  await dialog.getByLabel('Password', { exact: true }).fill(password);
  await dialog.locator('form button.strong').click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Channels' }).click();
  await page.getByRole('button', { name: 'Join Design' }).click();
  await page.getByRole('link', { name: 'New logo' }).click();
  const field = page.getByRole('textbox', { name: 'Write to New logo' });
  await field.fill('Orange it is. I make three sketches until Friday.');
  await field.press('Enter');
  const last = page.locator('.team-messages > li').last();
  await last.getByText('Orange it is.').waitFor();
  await page.locator('.team-messages > li', { hasText: 'recognise' }).getByLabel('React', { exact: true }).click();
  await page.getByRole('button', { name: 'React with ❤️' }).click();
  await page.locator('.reaction').waitFor();
  await page.evaluate(() => document.fonts.ready);
}

async function picture(stage, what) {
  await stage.screenshot(what);
  const { size } = await stat(stage.pathOf(what));
  assert.ok(size < 300_000, `${what}: ${size} bytes`);
  if (!stage.forReadme) return;
  await mkdir(stage.forReadme, { recursive: true });
  await copyFile(stage.pathOf(what), join(stage.forReadme, `${what}.png`));
}
