// Messages that the server has not confirmed. They are kept in this tab until it has, also over a reload.

import { signal } from '@preact/signals';
import type { Attachment } from './api';
import { loadItem, saveItem } from './storage';

/** The idempotency key keeps a message from being stored twice. */
export interface UnsentMessage {
  key: string;
  conversationId: string | null;
  /** The same for all messages of one conversation that is not stored yet. */
  group: string;
  message: string;
  attachments?: Attachment[];
  model: string | null;
  /** The sent message of which this is a new version. */
  editedMessageId?: string;
}

const UNSENT = 'goldfish-unsent';
const CONSENT = 'goldfish-send-when-online';

/** Whether the user wants messages to be sent when the network is back. */
export const sendsWhenOnline = signal(loadItem(sessionStorage, CONSENT) === 'yes');

/** Records what the user wants; null if the user is to be asked again. */
export function setSendsWhenOnline(value: true | null): void {
  sendsWhenOnline.value = value !== null;
  saveItem(sessionStorage, CONSENT, value && 'yes');
}

/** The messages that were being sent, or could not be, when the page was left; the oldest first. */
export function loadUnsent(): UnsentMessage[] {
  try {
    const stored: unknown = JSON.parse(loadItem(sessionStorage, UNSENT) ?? '[]');
    return Array.isArray(stored) ? (stored as UnsentMessage[]) : [];
  } catch {
    return [];
  }
}

export function saveUnsent(message: UnsentMessage): void {
  const others = loadUnsent();
  const index = others.findIndex(({ key }) => key === message.key);
  if (index < 0) others.push(message);
  else others[index] = message;
  save(others);
}

/** Removes a message that is sent or was discarded. */
export function removeUnsent(key: string): void {
  save(loadUnsent().filter((message) => message.key !== key));
}

export function clearUnsent(): void {
  save([]);
}

function save(messages: UnsentMessage[]): void {
  saveItem(sessionStorage, UNSENT, messages.length > 0 ? JSON.stringify(messages) : null);
}
