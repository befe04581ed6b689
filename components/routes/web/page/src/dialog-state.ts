// Which dialog is open.

import { signal } from '@preact/signals';
import type { Summary } from './api';

export type Dialog =
  | { kind: 'account' }
  | { kind: 'connect' }
  | { kind: 'delete'; summary: Summary }
  | { kind: 'reset-password'; token: string }
  | { kind: 'settings' }
  | { kind: 'sign-out' };

export const openDialog = signal<Dialog | null>(null);
