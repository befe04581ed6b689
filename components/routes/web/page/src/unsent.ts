// The message that is being sent: it is sent again when the page was left before the server had confirmed it.

import type { Attachment } from './api';
import { loadItem, saveItem } from './storage';

const UNSENT = 'goldfish-unsent';

/** A message that the server has not confirmed. The idempotency key keeps it from being stored twice. */
export interface UnsentMessage {
  key: string;
  conversationId: string | null;
  message: string;
  attachments?: Attachment[];
  model: string | null;
  /** The sent message of which this is a new version. */
  editedMessageId?: string;
}

export function loadUnsent(): UnsentMessage | null {
  try {
    return JSON.parse(loadItem(sessionStorage, UNSENT) ?? 'null') as UnsentMessage | null;
  } catch {
    return null;
  }
}

export function saveUnsent(unsent: UnsentMessage): void {
  saveItem(sessionStorage, UNSENT, JSON.stringify(unsent));
}

export function clearUnsent(): void {
  saveItem(sessionStorage, UNSENT, null);
}
