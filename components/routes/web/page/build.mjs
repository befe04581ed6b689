// Builds the page: `node build.mjs [folder]` writes the files, compressed and plain, and a table of
// them in Rust. The build is reproducible: the same sources and lockfile give the same bytes.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { gzipSync } from 'fflate';

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, '..'));
const source = (name) => join(here, 'src', name);

const TYPES = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
  woff2: 'font/woff2',
};

const OPTIONS = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  write: false,
  target: 'es2022',
  legalComments: 'none',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  // Also for the files of the SDK.
  tsconfig: join(here, 'tsconfig.json'),
  // The SDK has the same dependency, which is not installed in its own folder.
  alias: { 'eventsource-parser': join(here, 'node_modules/eventsource-parser') },
};

async function bundle(entry) {
  const format = 'iife';
  const external = ['/assets/*'];
  const { outputFiles } = await build({ ...OPTIONS, entryPoints: [source(entry)], format, external });
  return Buffer.from(outputFiles[0].contents);
}

/**
 * The scripts of the page: the one that it begins with, those that it loads when it needs them, and what they
 * share. Each is served under the name that the others import, which has a hash of its content.
 */
async function scripts() {
  const { outputFiles, metafile } = await build({
    ...OPTIONS,
    entryPoints: { page: source('main.tsx') },
    format: 'esm',
    splitting: true,
    outdir: 'out',
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    metafile: true,
  });
  const made = outputFiles.map(({ path, contents }) => {
    const name = basename(path);
    const { imports, entryPoint } = metafile.outputs[`out/${name}`];
    const isFirst = entryPoint === 'src/main.tsx';
    const shared = imports.filter(({ kind }) => kind === 'import-statement').map(({ path }) => basename(path));
    return { stem: name.replace(/-[A-Z0-9]+\.js$/, ''), name, contents: Buffer.from(contents), isFirst, shared };
  });
  made.sort((one, other) => (one.name < other.name ? -1 : 1));
  // Files in the repository have the same name in each version.
  const counts = new Map();
  for (const script of made) {
    const count = (counts.get(script.stem) ?? 0) + 1;
    counts.set(script.stem, count);
    script.file = count > 1 ? `${script.stem}-${count}.js` : `${script.stem}.js`;
  }
  return made;
}

/** The licences of the bundled packages. */
function licences() {
  const lock = JSON.parse(readFileSync(join(here, 'package-lock.json'), 'utf8'));
  const texts = ['preact', '@preact/signals', '@preact/signals-core', 'marked', 'lowlight', 'highlight.js']
    .concat('eventsource-parser', '@fontsource-variable/literata', 'katex')
    .map((name) => {
      const folder = join(here, 'node_modules', name);
      const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
      const { version } = lock.packages[`node_modules/${name}`];
      return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
    });
  return Buffer.from(texts.join(`\n${'-'.repeat(72)}\n\n`));
}

const font = 'node_modules/@fontsource-variable/literata/files/literata-latin-wght-normal.woff2';
const made = await scripts();
const first = made.find(({ isFirst }) => isFirst);
const preloads = first.shared.map((name) => `    <link rel="modulepreload" href="/assets/${name}">\n`).join('');
const html = readFileSync(source('index.html'), 'utf8')
  .replace('/assets/page.js', `/assets/${first.name}`)
  .replace(/(?= *<\/head>)/, preloads);
// Each file comes after the files that it refers to.
const files = new Map([
  ['text.woff2', readFileSync(join(here, font))],
  ['licences.txt', licences()],
  ['first.js', await bundle('first.ts')],
  ...made.map(({ file, contents }) => [file, contents]),
  ['page.css', await bundle('page.css')],
  ['favicon.svg', readFileSync(source('favicon.svg'))],
  ['index.html', Buffer.from(html)],
]);
const names = new Map(made.map(({ file, name }) => [file, name]));

const assets = join(out, 'assets');
rmSync(assets, { recursive: true, force: true });
mkdirSync(assets, { recursive: true });
mkdirSync(join(out, 'src'), { recursive: true });

const rows = new Map();
let totalBytes = 0;
for (const [file, content] of files) {
  let bytes = content;
  if (!names.has(file) && /\.(css|html)$/.test(file)) {
    let text = content.toString();
    for (const [other, { name }] of rows) text = text.replaceAll(`/assets/${other}`, `/assets/${name}`);
    bytes = Buffer.from(text);
  }
  const [stem, kind] = file.split('.');
  const tag = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  // Without a timestamp, for a reproducible build.
  const gzip = Buffer.from(gzipSync(bytes, { level: 9, mtime: 0 }));
  const isSmaller = gzip.length < bytes.length * 0.9;
  writeFileSync(join(assets, file), bytes);
  if (isSmaller) writeFileSync(join(assets, `${file}.gz`), gzip);
  totalBytes += isSmaller ? gzip.length : bytes.length;
  rows.set(file, { name: names.get(file) ?? `${stem}-${tag}.${kind}`, type: TYPES[kind], tag, isSmaller });
}

function row(file) {
  const { name, type, tag, isSmaller } = rows.get(file);
  const gzipBytes = `Some(include_bytes!("../assets/${file}.gz"))`;
  return `Asset {
    name: "${name}",
    content_type: "${type}",
    tag: "${tag}",
    plain: include_bytes!("../assets/${file}"),
    gzip: ${isSmaller ? gzipBytes : 'None'},
}`;
}

const others = [...rows.keys()].filter((file) => !['index.html', 'favicon.svg'].includes(file));
const table = `//! The files of the page. Written by \`npm run build\` in \`page\`.

use crate::asset::Asset;

pub(crate) const PAGE: Asset = ${row('index.html')};

pub(crate) const ICON: Asset = ${row('favicon.svg')};

pub(crate) const FILES: [Asset; ${others.length}] = [
${others
  .map((file) => `${row(file)},`.replace(/^/gm, '    '))
  .join('\n')}
];
`;
writeFileSync(join(out, 'src', 'assets.rs'), table);
console.log(`${files.size} files, ${totalBytes} bytes compressed`);
