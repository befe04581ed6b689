// The theme: that of the system until the user chooses one.

import { signal } from '@preact/signals';
import { requestJson } from './api';
import { loadItem, saveItem } from './storage';

export type Theme = 'light' | 'dark';

const NAME = 'goldfish-theme';
const system = matchMedia('(prefers-color-scheme: dark)');

/** What was chosen in this browser; null for the theme of the system. */
export const themeChoice = signal<Theme | null>(chosenTheme());
export const theme = signal<Theme>(chosenTheme() ?? (system.matches ? 'dark' : 'light'));

system.addEventListener('change', () => {
  if (!chosenTheme()) show(system.matches ? 'dark' : 'light');
});
// Another tab has changed the theme.
addEventListener('storage', (event) => {
  const other = event.key === NAME ? chosenTheme() : null;
  if (other) show(other);
  if (event.key === NAME) themeChoice.value = other;
});

/** The theme that was chosen in this browser. */
function chosenTheme(): Theme | null {
  const value = loadItem(localStorage, NAME);
  return value === 'light' || value === 'dark' ? value : null;
}

function show(value: Theme): void {
  theme.value = value;
  document.documentElement.dataset.theme = value;
}

/** Chooses a theme, or that of the system, for this browser and, if a user is signed in, for the account. */
export function setTheme(value: Theme | null, isSignedIn: boolean): void {
  themeChoice.value = value;
  show(value ?? (system.matches ? 'dark' : 'light'));
  saveItem(localStorage, NAME, value);
  if (!isSignedIn || !value) return;
  // A failure changes nothing in this browser.
  requestJson('PUT', '/api/preferences', { body: { theme: value } }).catch(() => undefined);
}

/**
 * Uses the account's theme if none was chosen in this browser. An account without a choice has `dark`,
 * so only `light` is certain to be a choice.
 */
export function applyAccountTheme(ofAccount: Theme): void {
  if (!chosenTheme() && ofAccount === 'light') show('light');
}
