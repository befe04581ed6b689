export * from './account.js';
export * from './admin.js';
export * from './alleato.js';
export * from './alleato-chats.js';
export * from './auth.js';
export * from './chats.js';
export * from './client.js';
export { type ErrorCode, type ErrorDetail, GoldfishError } from './error.js';
export type * from './events.js';
export * from './files.js';
export * from './realtime.js';
export { ReplyStream } from './reply.js';
export type { components, paths } from './schema.js';
export * from './streams.js';
export * from './team.js';
export {
  type KeyValueStorage,
  type Locks,
  memoryStore,
  type Session,
  type StorageOptions,
  storageStore,
  type TokenStore,
} from './store.js';
export * from './uploads.js';
