// What a screen reader is told, and what everybody is told in passing.

import { signal } from '@preact/signals';

/** For screen readers only. */
export const spoken = signal('');

/** Shown for a while, and spoken. */
export const notice = signal<string | null>(null);

export function announce(text: string): void {
  // The same text twice is said twice.
  spoken.value = spoken.peek() === text ? `${text}\u00a0` : text;
}

let waiting: ReturnType<typeof setTimeout> | undefined;

export function notify(text: string): void {
  notice.value = text;
  clearTimeout(waiting);
  waiting = setTimeout(dismiss, 12_000);
}

export function dismiss(): void {
  notice.value = null;
}
