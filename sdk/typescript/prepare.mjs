// Builds the package when it is installed from its folder or packed. npm does not install the development
// dependencies of a folder that it links, so they are installed here first if they are missing.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));

function npm(...words) {
  // npm passes its settings on to scripts; those of the outer command are not meant for these.
  const outer = /^npm_config_(?:global|prefix|local_prefix|omit|dry_run|package_lock)/i;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !outer.test(name)));
  // In a shell, for on Windows npm is a script.
  const { status } = spawnSync(`npm ${words.join(' ')}`, { cwd: folder, env, shell: true, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(join(folder, 'node_modules', 'typescript'))) {
  npm('ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund');
}
npm('run', 'build');
