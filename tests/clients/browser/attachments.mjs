// Files are attached to a message of the chat, and stay with it.

import assert from 'node:assert/strict';

import { accessible } from './axe.mjs';
import { PIXEL } from './files.mjs';

export default async function (stage) {
  const { page } = stage;
  const attached = (name) => page.locator('.uploads li', { hasText: name });
  const sent = page.locator('.user').last();
  const choose = async (...files) => {
    await page.locator('.composer input[type=file]').setInputFiles(files);
    await attached(files.at(-1).name).waitFor();
    await stage.eventually(async () => assert.equal(await page.locator('.uploads progress').count(), 0));
    assert.equal(await page.locator('.upload-error').count(), 0);
  };
  const image = { name: 'fish.png', mimeType: 'image/png', buffer: PIXEL };
  const notes = { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('Peas.') };

  // Chosen, with a preview; the message needs no text.
  await choose(image, notes);
  await attached('fish.png').locator('img').waitFor();
  await accessible(stage, 'attached files');
  await stage.screenshot('composer');
  await page.getByRole('button', { name: 'Send' }).click();
  await stage.idle();
  assert.equal(await page.locator('.uploads').count(), 0);
  const isShown = async () => {
    const picture = sent.getByRole('img', { name: 'fish.png' });
    await stage.eventually(async () => assert.equal(await picture.evaluate((element) => element.naturalWidth), 1));
    const link = sent.getByRole('link', { name: 'notes.txt' });
    const content = await page.request.get(new URL(await link.getAttribute('href'), stage.origin).href);
    assert.equal(await content.text(), 'Peas.');
  };
  await isShown();
  await stage.titlesAre('fish.png');
  await page.reload();
  await isShown();
  await accessible(stage, 'a message with files');
  await stage.screenshot('message');

  // An edited message keeps its files.
  await sent.locator('xpath=..').getByRole('button', { name: 'Edit message' }).click();
  const edited = page.getByRole('textbox', { name: 'Edit message' });
  await edited.fill('What is it?');
  await edited.press('Enter');
  await page.locator('.user', { hasText: 'What is it?' }).waitFor();
  await stage.idle();
  await isShown();

  // Pasted and dropped, and removed again.
  for (const [type, make] of [
    ['paste', (files) => new ClipboardEvent('paste', { clipboardData: files, bubbles: true, cancelable: true })],
    ['drop', (files) => new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true })],
  ]) {
    await page.evaluate(`(() => {
      const files = new DataTransfer();
      files.items.add(new File(['some text'], '${type}.txt', { type: 'text/plain' }));
      document.querySelector('#message').dispatchEvent((${make})(files));
    })()`);
    await attached(`${type}.txt`).waitFor();
    await page.getByRole('button', { name: `Remove ${type}.txt` }).click();
    await page.locator('.uploads').waitFor({ state: 'detached' });
  }

  // Dropped beside the field it is attached too.
  await page.evaluate(() => {
    const files = new DataTransfer();
    files.items.add(new File(['some text'], 'beside.txt', { type: 'text/plain' }));
    document.querySelector('.scroller').dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }));
  });
  await attached('beside.txt').waitFor();
  await page.getByRole('button', { name: 'Remove beside.txt' }).click();

  // How far it is, while it is being sent; it can be removed meanwhile.
  const network = await stage.context.newCDPSession(page);
  const throttle = (uploadThroughput) =>
    network.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput });
  await network.send('Network.enable');
  await throttle(200_000);
  await page.locator('.composer input[type=file]').setInputFiles([
    { name: 'slow.txt', mimeType: 'text/plain', buffer: Buffer.alloc(5 * 1024 * 1024, 'x') },
  ]);
  const progress = attached('slow.txt').locator('progress');
  await stage.eventually(async () => assert.ok((await progress.evaluate((bar) => bar.value)) > 0));
  assert.ok((await progress.evaluate((bar) => bar.value)) < 1);
  assert.match(await progress.getAttribute('aria-label'), /^Sending slow\.txt: \d+%$/);
  await accessible(stage, 'a file that is being sent');
  await page.getByRole('button', { name: 'Remove slow.txt' }).click();
  await throttle(-1);

  // More than ten are refused, with a notice.
  const many = Array.from({ length: 11 }, (_, index) => ({ name: `${index}.txt`, mimeType: 'text/plain', buffer: Buffer.from('x') }));
  await page.locator('.composer input[type=file]').setInputFiles(many);
  await page.locator('.notice', { hasText: 'A message takes at most 10 files.' }).waitFor();
  assert.equal(await page.locator('.uploads li').count(), 10);
  for (const { name } of many.slice(0, 10)) await page.getByRole('button', { name: `Remove ${name}`, exact: true }).click();

  // A file that is too large has an error, and keeps the message from being sent.
  stage.expect(/status of 413/);
  await page.locator('.composer input[type=file]').setInputFiles([
    { name: 'large.bin', mimeType: 'application/octet-stream', buffer: Buffer.alloc(11 * 1024 * 1024) },
  ]);
  await attached('large.bin').locator('.upload-error', { hasText: 'The file is too large' }).waitFor();
  await stage.field.fill('And this?');
  assert.equal(await page.getByRole('button', { name: 'Send' }).isDisabled(), true);
  await page.getByRole('button', { name: 'Remove large.bin' }).click();

  // What the model does not take is said by the server; the files are attached again to be changed.
  stage.expect(/status of 400/);
  await page.getByLabel('Model', { exact: true }).selectOption('blind');
  await choose(image);
  await page.getByRole('button', { name: 'Send' }).click();
  const trouble = page.locator('.problem');
  await trouble.waitFor();
  assert.match(await trouble.innerText(), /image\/png.*blind/s);
  await trouble.getByRole('button', { name: 'Edit' }).click();
  assert.equal(await stage.field.inputValue(), 'And this?');
  await attached('fish.png').locator('img').waitFor();
}
