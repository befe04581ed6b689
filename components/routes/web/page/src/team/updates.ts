// Tells the views of the channels when something may have changed. It asks again and again, in an interval, while
// the page is visible; a server that pushes changes can take the place of the timer.

import { isSignedOut, user } from '../session';

/** Milliseconds between two checks of what is shown. */
const INTERVAL = 4000;

type Check = () => Promise<void>;

/** Calls `check` now and then until the returned function is called; never twice at once. */
export function whenChanged(check: Check): () => void {
  let isRunning = false;
  const run = async () => {
    const isShown = document.visibilityState === 'visible' && navigator.onLine;
    if (isRunning || !isShown || !user.peek() || isSignedOut.peek()) return;
    isRunning = true;
    // The next check finds what this one has missed.
    await check().catch(() => undefined);
    isRunning = false;
  };
  const now = () => void run();
  const timer = setInterval(now, INTERVAL);
  document.addEventListener('visibilitychange', now);
  addEventListener('online', now);
  return () => {
    clearInterval(timer);
    document.removeEventListener('visibilitychange', now);
    removeEventListener('online', now);
  };
}
