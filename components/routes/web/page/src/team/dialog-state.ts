// Which dialog of the channels is open.

import { signal } from '@preact/signals';
import type { Channel, MessageWithSender, Thread } from './client';
import type { OpenThread } from './open-thread';

export type TeamDialog =
  | { kind: 'create' }
  | { kind: 'settings'; channel: Channel }
  | { kind: 'members'; channel: Channel }
  | { kind: 'leave'; channel: Channel }
  | { kind: 'delete-channel'; channel: Channel }
  | { kind: 'delete-thread'; thread: Thread }
  | { kind: 'delete-message'; open: OpenThread; message: MessageWithSender };

export const teamDialog = signal<TeamDialog | null>(null);
