// The conformance tests of the protocol. GOLDFISH_URL and GOLDFISH_TOKEN say where, and for whom.

import { runConformanceTests } from '@durable-streams/server-conformance-tests';
import { afterAll, beforeAll } from 'vitest';

import { startProxy } from './proxy.mjs';

const options = { baseUrl: '' };
let proxy;

beforeAll(async () => {
  proxy = await startProxy(process.env.GOLDFISH_URL, process.env.GOLDFISH_TOKEN);
  options.baseUrl = proxy.url;
});
afterAll(() => proxy.stop());

runConformanceTests(options);
