// What the test suite has the SDK do. Prints one JSON object.
//
//   node steps.js <step> <base URL> [<more>]
import { conversationsOf, errorsOf, everythingElse } from './api.js';
import { cookies, guestBecomesUser, parallel, revoked, twoTabs } from './sessions.js';
import {
  abort,
  brokenOff,
  cutBeforeTheAnswer,
  cutInTheMiddle,
  cutOff,
  regenerate,
  silence,
  stopElsewhere,
  stream,
} from './replies.js';
import { limited, retried } from './retries.js';

const steps: Record<string, (base: string, more: string) => Promise<unknown>> = {
  abort,
  brokenOff,
  conversationsOf,
  cookies,
  cutBeforeTheAnswer,
  cutInTheMiddle,
  cutOff,
  errorsOf,
  everythingElse,
  guestBecomesUser,
  limited,
  parallel,
  regenerate,
  retried,
  revoked,
  silence,
  stopElsewhere,
  stream,
  twoTabs,
};

const [name = '', base = '', more = ''] = process.argv.slice(2);
const step = steps[name];
if (!step) throw new Error(`No step ${name}`);
console.log(JSON.stringify(await step(base, more)));
