// The JavaScript of the README and of the pages in `docs`, as somebody would run it in the console of a page.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export default async function (stage) {
  const docs = (await readdir(join(stage.repository, 'docs'))).filter((name) => name.endsWith('.md'));
  let run = 0;
  for (const name of ['README.md', ...docs.map((file) => join('docs', file))]) {
    const text = await readFile(join(stage.repository, name), 'utf8');
    for (const [, code] of text.matchAll(/^```js\n([^]*?)^```$/gm)) {
      await stage.launch();
      const printed = [];
      stage.page.on('console', (message) => printed.push(message.text()));
      // Evaluated, for the page's policy lets no other script in.
      const program = code.replaceAll('http://localhost:3000', stage.origin);
      await stage.page.evaluate(`(async () => { ${program} })()`);
      assert.equal(printed.join(''), 'Hello from the bowl.', name);
      run += 1;
    }
  }
  assert.ok(run >= 1);
}
