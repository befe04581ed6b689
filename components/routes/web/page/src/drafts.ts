// The text that is typed in each conversation. It is kept in this tab until it is sent or the user changes.

import { loadItem, saveItem } from './storage';

const DRAFTS = 'goldfish-drafts';
/** The key of a conversation that is not stored yet. */
const NEW = '';

function load(): Record<string, string> {
  try {
    return (JSON.parse(loadItem(sessionStorage, DRAFTS) ?? '{}') ?? {}) as Record<string, string>;
  } catch {
    return {};
  }
}

export function loadDraft(conversation: string | null): string {
  return load()[conversation ?? NEW] ?? '';
}

export function saveDraft(conversation: string | null, text: string): void {
  const drafts = load();
  if (text) drafts[conversation ?? NEW] = text;
  else delete drafts[conversation ?? NEW];
  saveItem(sessionStorage, DRAFTS, Object.keys(drafts).length > 0 ? JSON.stringify(drafts) : null);
}

export function clearDrafts(): void {
  saveItem(sessionStorage, DRAFTS, null);
}
