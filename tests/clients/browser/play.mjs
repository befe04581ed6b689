// node play.mjs <scenario> <settings>: plays it, and says so. Whatever it finds wrong ends it.

import { Stage } from './stage.mjs';

const [, , name, settings] = process.argv;
const { default: scenario } = await import(`./${name}.mjs`);
/** Milliseconds after which a scenario counts as hanging, whatever it waits for. */
const LONGEST = 240_000;

const hanging = setTimeout(() => {
  throw new Error(`${name} hangs`);
}, LONGEST);
const stage = await Stage.open(name, JSON.parse(settings));
try {
  await scenario(stage);
  stage.assertQuiet();
} catch (error) {
  await stage.screenshot('failed').catch(() => undefined);
  throw error;
} finally {
  clearTimeout(hanging);
  await stage.close();
}
console.log(JSON.stringify({ played: name }));
