// How many messages of the user's channels are unread.

import { effect, signal } from '@preact/signals';
import { requestJson } from './api';
import { user } from './session';

export const unread = signal(0);

async function count(): Promise<void> {
  if (!user.peek()) {
    unread.value = 0;
    return;
  }
  try {
    const joined = await requestJson<{ unreadCount: number }[]>('GET', '/api/members/joined?limit=100');
    unread.value = joined.reduce((sum, { unreadCount }) => sum + unreadCount, 0);
  } catch {
    // The number stays what it was.
  }
}

/** Counts when the user changes, and when the page is looked at again. */
export function watchUnread(): void {
  effect(() => {
    void user.value?.id;
    void count();
  });
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') void count();
  });
}
