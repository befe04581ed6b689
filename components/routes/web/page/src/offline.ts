// Sends messages that were written without a network. The user is asked once whether they are sent when it is back.

import type { Conversation } from './conversation';
import { openedConversations } from './conversations';
import { sendsWhenOnline, setSendsWhenOnline } from './unsent';

export function sendWhenOnline(): void {
  setSendsWhenOnline(true);
  if (navigator.onLine) retryAll();
}

function retryAll(): void {
  for (const conversation of openedConversations()) retry(conversation);
}

function retry(conversation: Conversation): void {
  const problem = conversation.problem.value;
  if (problem?.error.code !== 'UNREACHABLE') return;
  if (problem.retry === 'load') void conversation.load();
  else if (typeof problem.retry === 'object' && sendsWhenOnline.value) void conversation.resend(problem.retry);
}

addEventListener('online', retryAll);
