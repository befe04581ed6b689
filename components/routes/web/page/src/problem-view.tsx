// An error in the conversation, with what the user can do.

import { useEffect, useState } from 'preact/hooks';
import { editText } from './composer';
import type { Conversation, Problem } from './conversation';
import { sendWhenOnline } from './offline';
import { isPermanent, Remedies } from './remedies';
import { isSessionExpired } from './session';
import { t } from './texts';
import { sendsWhenOnline } from './unsent';

export function ProblemView({ problem, conversation }: { problem: Problem; conversation: Conversation }) {
  const { error, retry, model } = problem;
  const { unsent } = conversation;
  const isGone = error.status === 404 && retry === 'load';
  const isUnreachable = error.code === 'UNREACHABLE';
  const isQueued = unsent !== null && isUnreachable && sendsWhenOnline.value && !navigator.onLine;
  const chosen = conversation.model.value ?? model;
  const hasRemedies = isPermanent(error.code);
  // Another model may take what this one did not.
  const canRetry = !hasRemedies || (chosen !== model && !isGone);
  const run = () => {
    // A request that may have reached the server is repeated as it was.
    if (unsent) void conversation.resend(isUnreachable ? unsent : { ...unsent, model: chosen });
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
        {unsent && isUnreachable && !sendsWhenOnline.value && (
          <button type="button" onClick={sendWhenOnline}>
            {t.sendWhenOnline}
          </button>
        )}
        {canRetry && (
          <RetryButton until={error.retryAt} label={retry === 'load' ? t.reload : t.retry} run={run} />
        )}
        {hasRemedies && <Remedies code={error.code} conversation={conversation} />}
        {unsent && !hasRemedies && (
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
