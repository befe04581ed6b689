// Messages that were written without a network. The user is asked once whether they are sent when it is back.

import { signal } from '@preact/signals';
import { open } from './conversations';
import { loadItem, saveItem } from './storage';

const CONSENT = 'goldfish-send-when-online';

/** Whether the user wants messages to be sent when the network is back. */
export const sendsWhenOnline = signal(loadItem(sessionStorage, CONSENT) === 'yes');

export function sendWhenOnline(): void {
  sendsWhenOnline.value = true;
  saveItem(sessionStorage, CONSENT, 'yes');
  if (navigator.onLine) retry();
}

function retry(): void {
  const conversation = open.value;
  const problem = conversation.problem.value;
  if (problem?.error.code !== 'UNREACHABLE') return;
  if (problem.retry === 'load') void conversation.load();
  else if (typeof problem.retry === 'object' && sendsWhenOnline.value) void conversation.resend(problem.retry);
}

addEventListener('online', retry);
