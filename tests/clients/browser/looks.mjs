// Light and dark, as the system has it until somebody chooses; and for everybody to read and use.

import assert from 'node:assert/strict';

import { accessible } from './axe.mjs';

const REPLY = `### A heading

Some **words**, a [link](https://example.com) and \`code\`.

> A quotation

| fish | bowl |
|---|--:|
| one | 1 |

\`\`\`python
# A comment
def count(fish: list[str]) -> int:
    return len(fish) + 0  # "all"
\`\`\`

- [x] done
`;

export default async function (stage) {
  const background = () => stage.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await stage.launch({ colorScheme: 'dark' });
  const dark = await background();
  assert.notEqual(dark, light);
  await accessible(stage, 'dark, nobody');
  await stage.screenshot('dark-welcome');

  await stage.reply({ pieces: [REPLY] });
  await stage.converse('Show me everything');
  await accessible(stage, 'dark, a conversation');
  await stage.screenshot('dark');

  // A choice counts for the account too, and is there before anything is painted.
  const saved = stage.page.waitForResponse((response) => response.request().method() === 'PUT');
  await stage.page.getByRole('button', { name: 'Theme: Light' }).click();
  assert.equal((await saved).status(), 200);
  assert.deepEqual((await saved).request().postDataJSON(), { theme: 'light' });
  assert.equal(await background(), light);
  await stage.page.reload({ waitUntil: 'commit' });
  await stage.page.waitForSelector('body', { state: 'attached' });
  assert.equal(await background(), light);
  await stage.idle();
  await accessible(stage, 'light, a conversation');
  await stage.screenshot('light');

  await stage.page.locator('.conversations li.current').hover();
  await stage.page.getByRole('button', { name: 'Delete Show me everything' }).click();
  await accessible(stage, 'light, a question');
  await stage.page.getByRole('button', { name: 'Cancel' }).click();
  await stage.page.getByRole('button', { name: 'Sign in or register' }).click();
  await accessible(stage, 'light, signing in');
  await stage.screenshot('sign-in');
  await stage.page.getByRole('button', { name: 'Register', exact: true }).click();
  await accessible(stage, 'light, registering');
  await stage.page.keyboard.press('Escape');
  assert.equal(await stage.page.getByRole('dialog').count(), 0);

  stage.expect(/status of 503/);
  await stage.reply({ fault: 'overloaded' });
  await stage.send('And now?');
  await stage.page.locator('.problem').waitFor();
  await accessible(stage, 'light, trouble');
  await stage.page.getByRole('button', { name: 'Theme: Dark' }).click();
  await accessible(stage, 'dark, trouble');
  await stage.screenshot('dark-trouble');
}
