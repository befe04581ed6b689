// Runs the conformance tests and prints how many passed. Fails with the tests that did not.

import { startVitest } from 'vitest/node';

const vitest = await startVitest('test', [], { config: 'vitest.config.mjs', watch: false, reporters: [{}] });
const tests = vitest.state.getTestModules().flatMap((module) => [...module.children.allTests()]);
const having = (state) => tests.filter((test) => test.result().state === state);
for (const test of having('failed')) {
  console.error(test.fullName, ...(test.result().errors ?? []).map((error) => error.message));
}
console.log(`${having('passed').length} passed, ${having('failed').length} failed, ${having('skipped').length} skipped`);
await vitest.close();
process.exit(having('failed').length ? 1 : 0);
