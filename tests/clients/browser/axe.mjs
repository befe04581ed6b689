// The accessibility checks of axe.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** No violation of any weight, as far as a program can see it. */
export async function accessible(stage, what) {
  // Evaluated, for the page's policy lets no script in.
  const { violations } = await stage.page.evaluate(
    `(async () => { ${AXE}; return globalThis.axe.run(document, { resultTypes: ['violations'] }); })()`,
  );
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, any }) => `${target} ${any.map((one) => one.message)}`).join('; ')}`);
  assert.deepEqual(found, [], what);
}
