// A proxy that serves goldfish's streams under the paths that the conformance tests use, with a credential.

import http from 'node:http';

const OUTER = '/v1/stream/';
const INNER = '/api/v1/streams/';

/** Starts it on a free port and resolves to its base URL and a function that stops it. */
export async function startProxy(goldfish, token) {
  const { hostname, port } = new URL(goldfish);
  const agent = new http.Agent({ keepAlive: true });
  const server = http.createServer((request, response) => {
    const headers = { ...request.headers, authorization: `Bearer ${token}` };
    const source = headers['stream-forked-from'];
    if (source) headers['stream-forked-from'] = source.replace(OUTER, INNER);
    const path = request.url.replace(OUTER, INNER);
    const forwarded = http.request({ hostname, port, agent, path, method: request.method, headers });
    forwarded.on('response', (answer) => {
      if (answer.headers.location) answer.headers.location = answer.headers.location.replace(INNER, OUTER);
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    // The application may respond before it has read the whole request.
    forwarded.on('error', () => response.headersSent || response.destroy());
    response.on('close', () => forwarded.destroy());
    request.pipe(forwarded);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () => {
      agent.destroy();
      server.closeAllConnections();
      server.close();
    },
  };
}
