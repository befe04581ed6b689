// The address of the page: `/c/<id>` for a conversation, `/new` for a new one.

import { followAddress, place } from './place';
import { loadItem, saveItem } from './storage';

/** The conversation that was open last in this browser. `/` opens it. */
const LAST = 'goldfish-last';
const NEW = '/new';

export function addressOf(id: string | null): string {
  return id ? `/c/${id}` : NEW;
}

/** The conversation of the current address; null for a new one. */
export function addressedConversation(): string | null {
  const named = /^\/c\/([^/]+)$/.exec(location.pathname)?.[1];
  // Addresses of earlier versions of the page had the id as their fragment.
  return named ?? (location.pathname === '/' ? location.hash.slice(1) || loadItem(localStorage, LAST) : null);
}

/** Shows the address of a conversation: as a new entry of the browser's history, or in place of the current one. */
export function showAddress(id: string | null, isNewEntry: boolean): void {
  saveItem(localStorage, LAST, id);
  // A conversation goes on in the background while the channels are shown.
  if (place.value.view !== 'chat' && !isNewEntry) return;
  const address = addressOf(id);
  if (location.pathname + location.hash === address) return;
  if (isNewEntry) history.pushState(null, '', address);
  else history.replaceState(null, '', address);
  followAddress();
}

/** For `onClick` of a link inside the page: a click with a modifier key is left to the browser. */
export function onPlainClick(go: () => void) {
  return (event: MouseEvent) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go();
  };
}
