// An error in the conversation, with what the user can do.

import { useEffect, useState } from 'preact/hooks';
import { editText } from './composer';
import type { Conversation, Problem } from './conversation';
import { openNew } from './conversations';
import { sendsWhenOnline, sendWhenOnline } from './offline';
import { isSessionExpired } from './session';
import { t } from './texts';

/** Codes of errors that the same request meets again. */
const PERMANENT = ['CONTEXT_LENGTH_EXCEEDED', 'PAYLOAD_TOO_LARGE', 'CONTENT_BLOCKED', 'VALIDATION_ERROR', 'NOT_FOUND'];

export function ProblemView({ problem, conversation }: { problem: Problem; conversation: Conversation }) {
  const { error, retry } = problem;
  const unsent = typeof retry === 'object' ? retry : null;
  const isGone = error.status === 404 && retry === 'load';
  const isQueued = unsent !== null && error.code === 'UNREACHABLE' && sendsWhenOnline.value && !navigator.onLine;
  const canRetry = !PERMANENT.includes(error.code);
  const run = () => {
    if (unsent) void conversation.resend(unsent);
    else if (retry === 'regenerate') void conversation.regenerate();
    else void conversation.load();
  };
  return (
    <div class="problem">
      <p role="alert">
        {isGone ? t.noSuchConversation : error.message}
        {isQueued && ` ${t.willBeSent}`}
      </p>
      <p class="buttons">
        {error.status === 401 && (
          <button type="button" onClick={() => (isSessionExpired.value = true)}>
            {t.signInAgain}
          </button>
        )}
        {unsent && error.code === 'UNREACHABLE' && !sendsWhenOnline.value && (
          <button type="button" onClick={sendWhenOnline}>
            {t.sendWhenOnline}
          </button>
        )}
        {canRetry && (
          <RetryButton until={error.retryAt} label={retry === 'load' ? t.reload : t.retry} run={run} />
        )}
        {!canRetry && !isGone && (
          <button type="button" onClick={() => document.querySelector<HTMLElement>('.model select')?.focus()}>
            {t.otherModel}
          </button>
        )}
        {!canRetry && (
          <button type="button" onClick={openNew}>
            {t.newConversation}
          </button>
        )}
        {unsent && (
          <button type="button" class="quiet" onClick={() => editText(conversation.discardUnsent(unsent))}>
            {t.edit}
          </button>
        )}
      </p>
    </div>
  );
}

function RetryButton({ until, label, run }: { until: number | null; label: string; run: () => void }) {
  const seconds = useCountdown(until);
  return (
    <button type="button" disabled={seconds > 0} onClick={run}>
      {seconds > 0 ? t.retryIn(seconds) : label}
    </button>
  );
}

/** Seconds until that time; 0 when it has passed. */
function useCountdown(until: number | null): number {
  const secondsLeft = () => Math.max(0, Math.ceil(((until ?? 0) - Date.now()) / 1000));
  const [seconds, set] = useState(secondsLeft);
  useEffect(() => {
    set(secondsLeft());
    const timer = setInterval(() => set(secondsLeft()), 500);
    return () => clearInterval(timer);
  }, [until]);
  return seconds;
}
