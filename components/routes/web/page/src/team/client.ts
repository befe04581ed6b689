// The SDK's client for the channels, with the session cookie of the page.

import { Goldfish, GoldfishError } from '../../../../../../sdk/typescript/src/index';
import { notify } from '../announce';
import { ApiError, networkError, sentenceOf } from '../api';
import { checkSession } from '../session';

export type {
  AnyRealtimeEvent,
  Channel,
  ChannelBan,
  ChannelMember,
  ChannelRole,
  CreateChannelRequest,
  Followed,
  Invitation,
  JoinedChannel,
  MessageAttachment,
  MessageWithSender,
  Presence,
  RealtimeConnection,
  Thread,
  UpdateChannelRequest,
} from '../../../../../../sdk/typescript/src/index';

export const goldfish = new Goldfish({ baseUrl: '', credentials: 'include' });

/** The error with a sentence for the user. */
export function errorOf(thrown: unknown): ApiError {
  if (!(thrown instanceof GoldfishError) || thrown.status === 0) return networkError();
  const { status, code, message, retryAfter } = thrown;
  const retryAt = retryAfter === undefined ? null : Date.now() + retryAfter * 1000;
  const error = new ApiError(status, code, sentenceOf(code, message, retryAfter), retryAt);
  checkSession(error);
  return error;
}

/** Runs an action of the user. A failure is shown as a notice; then the result is `undefined`. */
export async function attempt<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (thrown) {
    notify(errorOf(thrown).message);
    return undefined;
  }
}
