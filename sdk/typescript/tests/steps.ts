// What the test suite has the SDK do. Prints one JSON object.
//
//   node steps.js <step> <base URL> [<more>]
import { accountOf, adminOf, headersHidden, uploadsOf } from './account.js';
import { conversationsOf, errorsOf, everythingElse, versionsOf } from './api.js';
import { filesOf } from './files.js';
import { conversation, realtime, realtimeWithoutSockets } from './realtime.js';
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
import { alleatoOf, streamsOf } from './streams.js';
import { postOnce, team } from './team.js';

const steps: Record<string, (base: string, more: string) => Promise<unknown>> = {
  abort,
  accountOf,
  adminOf,
  alleatoOf,
  brokenOff,
  conversation,
  conversationsOf,
  versionsOf,
  cookies,
  cutBeforeTheAnswer,
  cutInTheMiddle,
  cutOff,
  errorsOf,
  everythingElse,
  filesOf,
  guestBecomesUser,
  headersHidden,
  limited,
  parallel,
  postOnce,
  realtime,
  realtimeWithoutSockets,
  regenerate,
  retried,
  revoked,
  silence,
  stopElsewhere,
  stream,
  streamsOf,
  team,
  twoTabs,
  uploadsOf,
};

const [name = '', base = '', more = ''] = process.argv.slice(2);
const step = steps[name];
if (!step) throw new Error(`No step ${name}`);
console.log(JSON.stringify(await step(base, more)));
