// A frontend on another site than the API: cookies are sent with its requests only with
// `cookie_same_site = none`, and by a browser that blocks third-party cookies only if they are partitioned.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';

export default async function anotherSite(stage) {
  const { port, allowsThirdParties, hasSession } = stage.frontend;
  if (allowsThirdParties) {
    await stage.launch({}, { profile: { cookie_controls_mode: 0, block_third_party_cookies: false } });
  }
  const frontend = createServer((_, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end('<!doctype html><html lang="en"><title>Another site</title>');
  });
  await new Promise((resolve) => frontend.listen(port, '127.0.0.1', resolve));
  stage.expect(/a request to http:\/\/localhost:/);
  stage.expect(/status of 401/);
  stage.expect(/favicon/);
  try {
    // `localhost` and `127.0.0.1` are two sites.
    await stage.page.goto(`http://localhost:${port}/`);
    const call = (method, path, body) =>
      stage.page.evaluate(
        async ([url, method, body]) => {
          const response = await fetch(url, {
            method,
            credentials: 'include',
            headers: { 'content-type': 'application/json' },
            body: body && JSON.stringify(body),
          });
          return { status: response.status, text: await response.text() };
        },
        [stage.origin + path, method, body],
      );
    const email = `ann-${Date.now()}@example.com`;
    const password = 'correct horse 7 battery';
    const signedUp = await call('POST', '/api/auth/sign-up/email', { name: 'Ann', email, password });
    assert.equal(signedUp.status, 200, signedUp.text);
    const session = JSON.parse((await call('GET', '/api/auth/get-session')).text);
    assert.equal(session?.user.email, hasSession ? email : undefined);
    const history = await call('GET', '/api/history');
    assert.equal(history.status, hasSession ? 200 : 401, history.text);
    if (hasSession) {
      await stage.reply({ pieces: ['Hello ', 'there.'] });
      const chat = await call('POST', '/api/chat', { message: 'Hi' });
      assert.equal(chat.status, 200, chat.text);
      assert.match(chat.text, /there\./);
      const signedOut = await call('POST', '/api/auth/sign-out', {});
      assert.equal(signedOut.status, 200, signedOut.text);
      assert.equal((await call('GET', '/api/history')).status, 401);
    }
  } finally {
    frontend.close();
  }
}
