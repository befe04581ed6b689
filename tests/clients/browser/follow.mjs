// What another client of the same user does in the open conversation is shown as it happens, by the conversation's socket.

import assert from 'node:assert/strict';

export default async function (stage) {
  const { page, origin } = stage;
  const main = page.getByRole('main');
  const growing = page.locator('.assistant[aria-busy]');
  const said = (text) => page.locator('.user', { hasText: text });
  const replied = (text) => page.locator('.assistant:not([aria-busy]) .reply-text', { hasText: text });
  // What the page reads of replies by requests.
  const reads = [];
  page.on('request', (request) => {
    if (new URL(request.url()).pathname.endsWith('/stream')) reads.push(request.url());
  });

  await stage.converse('Hello');
  const id = new URL(page.url()).pathname.split('/').at(-1);
  const cookies = await stage.context.cookies(origin);
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
  /** Another client of the user. Resolves with the beginning of the response. */
  const elsewhere = async (method, path, body) => {
    const headers = { cookie, origin, 'content-type': 'application/json' };
    const response = await fetch(origin + path, { method, headers, body: body && JSON.stringify(body) });
    assert.ok(response.ok, `${method} ${path}: ${response.status}`);
    return response;
  };
  const isFollowed = () =>
    stage.eventually(async () => {
      const { connections } = await (await elsewhere('GET', '/api/websocket/info')).json();
      assert.ok(connections.some(({ conversationId }) => conversationId === id));
    });
  await isFollowed();

  // A message of another client, and the reply to it.
  await stage.reply({ pieces: ['From ', '**elsewhere**.'], pauseAfter: 1 });
  await elsewhere('POST', '/api/chat', { conversationId: id, message: 'Said by a program' });
  await said('Said by a program').waitFor();
  await growing.getByText('From').waitFor();
  await stage.release();
  await replied('From elsewhere.').locator('strong').waitFor();
  await growing.waitFor({ state: 'detached' });
  assert.deepEqual(await page.locator('.user').count(), 2);
  assert.deepEqual(await stage.replies(), ['Hello from the bowl.', 'From elsewhere.']);

  // What this tab sends is there once, although the socket tells it too.
  await stage.reply({ pieces: ['From ', 'here.'], pauseAfter: 1 });
  await stage.send('Said here');
  await growing.getByText('From').waitFor();
  assert.equal(await growing.count(), 1);
  await stage.release();
  await replied('From here.').waitFor();
  await growing.waitFor({ state: 'detached' });
  assert.equal(await said('Said here').count(), 1);
  assert.equal((await stage.replies()).length, 3);

  // The other client stops a reply, and this tab one of the other client.
  await stage.reply({ pieces: ['One, ', 'two'], pauseAfter: 1 });
  await elsewhere('POST', '/api/chat', { conversationId: id, message: 'Count' });
  await growing.getByText('One,').waitFor();
  await elsewhere('POST', `/api/conversations/${id}/stop`);
  await main.getByText('stopped').waitFor();
  await growing.waitFor({ state: 'detached' });
  await stage.release();
  await stage.reply({ pieces: ['Three, ', 'four'], pauseAfter: 1 });
  await elsewhere('POST', '/api/chat', { conversationId: id, message: 'Go on' });
  await growing.getByText('Three,').waitFor();
  await page.getByRole('button', { name: 'Stop the reply' }).click();
  await stage.idle();
  await stage.release();
  assert.equal(await main.getByText('stopped').count(), 2);

  // Another version takes the place of the reply, with what it has so far.
  await stage.reply({ pieces: ['Five, ', 'six'], pauseAfter: 1 });
  await elsewhere('POST', `/api/conversations/${id}/regenerate`, {});
  await growing.getByText('Five,').waitFor();
  assert.equal(await page.getByText('Three,').count(), 0);
  await stage.release();
  await main.getByRole('group', { name: 'Version 2 of 2' }).waitFor();
  await replied('Five, six').waitFor();
  assert.deepEqual(reads, []);

  // A title, in the header and in the list.
  await elsewhere('PATCH', `/api/conversations/${id}`, { title: 'Named elsewhere' });
  await main.getByRole('heading', { name: 'Named elsewhere' }).waitFor();
  await stage.titlesAre('Named elsewhere');

  // A tab without a network loads what it has missed.
  await stage.context.setOffline(true);
  await stage.reply({ pieces: ['Missed.'] });
  const response = await elsewhere('POST', '/api/chat', { conversationId: id, message: 'Are you there?' });
  await response.text();
  await stage.context.setOffline(false);
  await replied('Missed.').waitFor();

  // A conversation that is deleted here is gone; of one that is deleted elsewhere the page says so. What was typed is kept.
  await isFollowed();
  await stage.field.fill('Half a thought');
  await elsewhere('DELETE', `/api/conversations/${id}`);
  await page.getByText('“Named elsewhere” was deleted in another window.').waitFor();
  assert.equal(await page.locator('.messages > li').count(), 0);
  assert.equal(new URL(page.url()).pathname, '/new');
  await page.getByRole('button', { name: 'Use its text here' }).click();
  assert.equal(await stage.field.inputValue(), 'Half a thought');
}
