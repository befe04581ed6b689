// node size.mjs: the bytes of the SDK in a bundle, minified and then compressed.
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const { outputFiles } = await build({
  stdin: { contents: "export * from 'goldfish-sdk'", resolveDir: process.cwd() },
  bundle: true,
  minify: true,
  write: false,
  format: 'esm',
});
const [{ contents }] = outputFiles;
console.log(JSON.stringify({ minified: contents.length, compressed: gzipSync(contents, { level: 9 }).length }));
