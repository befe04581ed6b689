// Texts for screen readers, and notices that are shown for a while.

import { signal } from '@preact/signals';

/** Read by screen readers only. */
export const announcement = signal('');

export interface Notice {
  text: string;
  /** A button beside the text. */
  action?: { label: string; run: () => void };
}

/** Shown for a while, and read by screen readers. */
export const notice = signal<Notice | null>(null);

export function announce(text: string): void {
  // A screen reader reads the same text again only if it differs.
  announcement.value = announcement.peek() === text ? `${text}\u00a0` : text;
}

let timer: ReturnType<typeof setTimeout> | undefined;

/** Shows a notice for `milliseconds`. */
export function notify(text: string, action?: Notice['action'], milliseconds = 12_000): void {
  notice.value = action ? { text, action } : { text };
  clearTimeout(timer);
  timer = setTimeout(dismiss, milliseconds);
}

export function dismiss(): void {
  notice.value = null;
}
