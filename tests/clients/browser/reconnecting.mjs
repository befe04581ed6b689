// A connection that is cut, or that falls silent without a word, is made again by itself.

import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';

/** A proxy between the browser and the server whose connections can be cut or held. */
async function proxyTo(origin) {
  const { hostname, port } = new URL(origin);
  const pairs = new Set();
  let isClosed = false;
  const server = createServer((browser) => {
    if (isClosed) return browser.destroy();
    const upstream = connect(Number(port), hostname);
    const pair = [browser, upstream];
    pairs.add(pair);
    for (const [one, other] of [pair, [upstream, browser]]) {
      one.pipe(other);
      one.on('error', () => undefined);
      one.on('close', () => {
        pairs.delete(pair);
        other.destroy();
      });
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    /** Ends all connections, and refuses others until `open`. */
    cut() {
      isClosed = true;
      for (const [browser, upstream] of pairs) {
        browser.destroy();
        upstream.destroy();
      }
    },
    open() {
      isClosed = false;
    },
    /** Nothing passes any more through the connections that there are, and they stay open. */
    hold() {
      for (const pair of pairs) {
        for (const socket of pair) {
          socket.unpipe();
          socket.pause();
        }
      }
    },
    close() {
      this.cut();
      server.close();
    },
  };
}

export default async function (stage) {
  const { page } = stage;
  const proxy = await proxyTo(stage.origin);
  stage.expect(/a request to http:\/\/127\.0\.0\.1:/);
  stage.expect(/ERR_(?:INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE|CONNECTION_(?:RESET|REFUSED|CLOSED)|ABORTED)/);
  const reconnecting = page.locator('.reconnecting', { hasText: 'Reconnecting…' });
  try {
    await page.goto(proxy.origin);
    await stage.ready();
    await stage.reply({ pieces: ['One, ', 'two, ', 'three, ', 'four.'], pauseAfter: 2 });
    await stage.send('Count');
    await page.locator('.reply-text', { hasText: 'two' }).waitFor();
    proxy.cut();
    await reconnecting.waitFor({ timeout: 2000 });
    await stage.release();
    proxy.open();
    await stage.idle();
    assert.deepEqual(await stage.replies(), ['One, two, three, four.']);

    // The server sends heartbeats: where they are missing, the connection counts as broken.
    await stage.reply({ pieces: ['Five, ', 'six, ', 'seven.'], pauseAfter: 2 });
    await stage.send('And on');
    await page.locator('.reply-text', { hasText: 'six' }).waitFor();
    proxy.hold();
    await reconnecting.waitFor();
    await stage.release();
    await stage.idle();
    assert.deepEqual(await stage.replies(), ['One, two, three, four.', 'Five, six, seven.']);
    assert.equal(await page.locator('.problem').count(), 0);
  } finally {
    proxy.close();
  }
}
