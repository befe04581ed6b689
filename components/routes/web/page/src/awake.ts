// Whether somebody may look at the page, and the network is there.

import { signal } from '@preact/signals';

export const isAwake = signal(false);

const lookAround = () => (isAwake.value = document.visibilityState === 'visible' && navigator.onLine);
lookAround();
document.addEventListener('visibilitychange', lookAround);
for (const change of ['online', 'offline']) addEventListener(change, lookAround);
