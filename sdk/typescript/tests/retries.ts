// What is sent again, and what is not.
import { Goldfish } from 'goldfish-sdk';

import { caught, guest } from './tools.js';

/** The backend's own limit: too long a wait is an error at once. */
export async function limited(base: string) {
  const goldfish = await guest(base, { maxRetryWait: 0 });
  const asked = Array.from({ length: 20 }, () => caught(goldfish.preferences.get()));
  const answers = await Promise.all(asked);
  return answers.filter((answer) => answer.caught !== null);
}

/** Answers of which the first ones are not what was hoped for. */
async function after(base: string, statuses: (number | 'cut')[], ask: (goldfish: Goldfish) => Promise<unknown>) {
  let sent = 0;
  const waiting = await guest(base);
  const session = await waiting.auth.session();
  const goldfish = new Goldfish({
    baseUrl: base,
    apiKey: session?.token ?? '',
    fetch: (input, init) => {
      const status = statuses[sent];
      sent += 1;
      if (status === undefined) return fetch(input, init);
      if (status === 'cut') return Promise.reject(new TypeError('fetch failed'));
      const problem = { error: 'Later.', code: 'RATE_LIMITED', requestId: 'r' };
      return Promise.resolve(Response.json(problem, { status, headers: { 'retry-after': '0' } }));
    },
  });
  const { caught: name } = await caught(ask(goldfish));
  return { failed: name !== null, sent };
}

export async function retried(base: string) {
  const list = (goldfish: Goldfish) => goldfish.models.list();
  const change = (goldfish: Goldfish) => goldfish.preferences.update({ theme: 'dark' });
  const say = async (goldfish: Goldfish) => {
    await (await goldfish.chats.sendMessage({ message: 'Hi' })).finalText();
  };
  return {
    tooMany: await after(base, [429], list),
    unavailable: await after(base, [503, 429], list),
    cut: await after(base, ['cut', 'cut'], list),
    tooOften: await after(base, [503, 503, 503], list),
    refused: await after(base, [400], list),
    unsafe: await after(base, [503], change),
    unsafeCut: await after(base, ['cut'], change),
    keyed: await after(base, ['cut'], say),
    keyedRefused: await after(base, [503], say),
  };
}
