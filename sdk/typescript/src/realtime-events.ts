import type { MessageWithSender } from './team.js';

/** What happened. `number` counts the events of its channel, or of the feed. */
export interface RealtimeEvent<T extends string = string, P = unknown> {
  type: T;
  payload: P;
  id: string;
  number: number;
  /** The number of the event before it in what is followed. */
  previous: number;
  scope: 'thread' | 'channel' | 'feed';
  channelId: string | null;
  threadId: string | null;
  createdAt: string;
}

export interface Typing {
  threadId: string;
  userId: string;
  state: 'start' | 'stop';
  /** Milliseconds after which the user is not typing any more, without another event. */
  expiresIn: number;
}

/** What was added to the reply of the AI member. The reply is posted as `NEW_MESSAGE` with the same `replyTo`. */
export interface ReplyDelta {
  threadId: string;
  userId: string;
  /** The id of the message that asks. */
  replyTo: string;
  /** The length of the text before it. If it is another one than what you have, some of it is missing. */
  offset: number;
  delta: string;
}

export interface Presence {
  userId: string;
  state: 'online' | 'away' | 'offline';
  lastSeenAt: string | null;
}

/** Events by their types. */
export interface RealtimeEvents {
  NEW_MESSAGE: RealtimeEvent<'NEW_MESSAGE', MessageWithSender>;
  UPDATE_MESSAGE: RealtimeEvent<'UPDATE_MESSAGE', MessageWithSender>;
  MENTION: RealtimeEvent<'MENTION', MessageWithSender>;
  DELETE_MESSAGE: RealtimeEvent<'DELETE_MESSAGE', { messageId: string; threadId: string; channelId: string; number: number }>;
  REACTION: RealtimeEvent<'REACTION', { messageId: string; threadId: string; userId: string; emoji: string; action: 'added' | 'removed'; reactions: { emoji: string; count: number }[] }>;
  READ: RealtimeEvent<'READ', { threadId: string; channelId: string; userId: string; number: number }>;
  MEMBER_ADDED: RealtimeEvent<'MEMBER_ADDED', { channelId: string; userId: string; role: string }>;
  MEMBER_ROLE: RealtimeEvent<'MEMBER_ROLE', { channelId: string; userId: string; role: string }>;
  MEMBER_REMOVED: RealtimeEvent<'MEMBER_REMOVED', { channelId: string; userId: string; banned?: boolean }>;
  CHANNEL_UPDATED: RealtimeEvent<'CHANNEL_UPDATED', { channelId: string; name: string; isPrivate: boolean }>;
  CHANNEL_DELETED: RealtimeEvent<'CHANNEL_DELETED', { channelId: string }>;
  THREAD_CREATED: RealtimeEvent<'THREAD_CREATED', { channelId: string; threadId: string; name: string }>;
  THREAD_UPDATED: RealtimeEvent<'THREAD_UPDATED', { channelId: string; threadId: string; name: string; isArchived: boolean }>;
  THREAD_DELETED: RealtimeEvent<'THREAD_DELETED', { channelId: string; threadId: string }>;
  TYPING: { type: 'TYPING'; payload: Typing };
  REPLY_DELTA: { type: 'REPLY_DELTA'; payload: ReplyDelta };
  PRESENCE: { type: 'PRESENCE'; payload: Presence };
  /** Events are gone, or too many: load the thread, channel or everything again. */
  RESET: { type: 'RESET'; payload: { threadId?: string; channelId?: string } };
  /** A thread or channel is not followed any more: the user is not a member. */
  LEFT: { type: 'LEFT'; payload: { threadId?: string; channelId?: string } };
  /** Data of a member's own; it is not stored. */
  BROADCAST: { type: 'BROADCAST'; payload: { threadId: string; userId: string; data: unknown } };
  ERROR: { type: 'ERROR'; payload: { message: string; code: string } };
}

export type AnyRealtimeEvent = RealtimeEvents[keyof RealtimeEvents];
