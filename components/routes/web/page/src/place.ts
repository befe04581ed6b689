// What the page shows, by its address: a conversation, or the channels of the team.

import { signal } from '@preact/signals';

export type Place =
  | { view: 'chat' }
  /** `message` is the number of a message in the thread. */
  | { view: 'team'; channel: string | null; thread: string | null; message: number | null }
  | { view: 'invitation'; token: string };

const CHANNELS = '/channels';
const INVITATION = '/invitation';

export const place = signal<Place>(placeOf(location));

function placeOf({ pathname, search }: { pathname: string; search: string }): Place {
  const [, first, second = '', third = ''] = pathname.split('/');
  if (`/${first}` === INVITATION && second) return { view: 'invitation', token: decodeURIComponent(second) };
  if (`/${first}` !== CHANNELS) return { view: 'chat' };
  const number = Number(new URLSearchParams(search).get('message'));
  return { view: 'team', channel: second || null, thread: third || null, message: number > 0 ? number : null };
}

export function addressOfTeam(channel?: string, thread?: string, message?: number): string {
  const path = [CHANNELS, channel, thread].filter(Boolean).join('/');
  return message ? `${path}?message=${message}` : path;
}

export function addressOfInvitation(token: string): string {
  return `${INVITATION}/${encodeURIComponent(token)}`;
}

/** Shows an address of the channels, as a new entry of the browser's history. */
export function goTo(address: string): void {
  if (location.pathname + location.search !== address) history.pushState(null, '', address);
  followAddress();
}

/** Replaces the address, so that Back does not lead to the current one. */
export function replaceWith(address: string): void {
  history.replaceState(null, '', address);
  followAddress();
}

/** Shows what the address of the browser says. */
export function followAddress(): void {
  place.value = placeOf(location);
}

/** What the channels show, for the title of the browser's tab. */
export const teamTitle = signal('');
