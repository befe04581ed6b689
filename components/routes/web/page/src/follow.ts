// Follows the open conversation by a WebSocket, if the server has a proxy that holds them: what happens to it in another
// tab, or by another client, is shown at once. Only while the page is visible.

import { computed, effect, signal } from '@preact/signals';
import type { ConversationConnection, ConversationSocketEvent } from '../../../../../sdk/typescript/src/index';
import { isAwake } from './awake';
import type { Conversation } from './conversation';
import { forget, open, refreshList } from './conversations';
import { place } from './place';
import { isSessionExpired, isSignedOut, user } from './session';

/** Milliseconds before a socket is opened again that was closed although the session goes on. */
const PAUSE = 1000;
/** The codes of `closed`: there is no proxy, and signed out. */
const NO_PROXY = 426;
const SIGNED_OUT = 4401;

const hasProxy = signal(true);
/** How often the socket was closed although the session goes on. */
const closings = signal(0);
const isSignedIn = computed(() => Boolean(user.value) && !isSignedOut.value && !isSessionExpired.value);
const followed = computed(() => {
  const mayFollow = hasProxy.value && isSignedIn.value && isAwake.value && place.value.view === 'chat';
  const { id, messages } = open.value;
  return mayFollow && messages.value.length > 0 ? id.value : null;
});

/** Follows the conversation that is open, from now on. */
export function followOpen(): void {
  effect(() => {
    const id = followed.value;
    const conversation = open.value;
    void closings.value;
    if (!id) return undefined;
    let connection: ConversationConnection | null = null;
    let isOver = false;
    const connect = async () => {
      const { goldfish } = await import('./team/client');
      if (isOver) return;
      connection = goldfish.realtime.conversation(id);
      connection.on('*', (event) => receive(conversation, event));
    };
    // Without it the page checks when it is shown again.
    connect().catch(() => undefined);
    return () => {
      isOver = true;
      connection?.close();
      void conversation.unfollow();
    };
  });
}

function receive(conversation: Conversation, event: ConversationSocketEvent): void {
  if (event.type === 'closed') {
    if (event.code === NO_PROXY) hasProxy.value = false;
    if (event.code === SIGNED_OUT) void checkSession();
    return;
  }
  if (event.type === 'deleted') {
    forget(conversation, event.reason);
    return;
  }
  conversation.receive(event);
  if (event.type === 'title') void refreshList();
}

/** Other sessions may have been ended, or this one. */
async function checkSession(): Promise<void> {
  await refreshList();
  setTimeout(() => (closings.value += 1), PAUSE);
}
