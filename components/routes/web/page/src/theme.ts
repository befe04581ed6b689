// Light or dark: as the system has it, until somebody chooses.

import { signal } from '@preact/signals';
import { askJson } from './api';
import { keep, kept } from './kept';

export type Theme = 'light' | 'dark';

const NAME = 'goldfish-theme';
const system = matchMedia('(prefers-color-scheme: dark)');

export const theme = signal<Theme>(chosen() ?? (system.matches ? 'dark' : 'light'));

system.addEventListener('change', () => {
  if (!chosen()) show(system.matches ? 'dark' : 'light');
});
// Another tab has chosen.
addEventListener('storage', (event) => {
  const other = event.key === NAME ? chosen() : null;
  if (other) show(other);
});

/** What was chosen in this browser. */
function chosen(): Theme | null {
  const value = kept(localStorage, NAME);
  return value === 'light' || value === 'dark' ? value : null;
}

function show(value: Theme): void {
  theme.value = value;
  document.documentElement.dataset.theme = value;
}

/** Chooses, for this browser and, if somebody is signed in, for the account. */
export function choose(value: Theme, isSignedIn: boolean): void {
  show(value);
  keep(localStorage, NAME, value);
  if (!isSignedIn) return;
  // It is chosen here in any case; the account learns of it when it can.
  askJson('PUT', '/api/preferences', { body: { theme: value } }).catch(() => undefined);
}

/**
 * Takes the account's choice over where this browser has none. An account that never chose says
 * `dark`, so only `light` is certain to be a choice.
 */
export function adopt(ofAccount: Theme): void {
  if (!chosen() && ofAccount === 'light') show('light');
}
