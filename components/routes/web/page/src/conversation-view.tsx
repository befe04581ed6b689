// The open conversation: its messages, the reply that is being written, and an error.

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Message } from './api';
import { editText } from './composer';
import type { Conversation, Problem } from './conversation';
import { maxConversations, open } from './conversations';
import { CopyButton } from './copy';
import { Mark } from './icons';
import { Markdown } from './markdown';
import { isSessionExpired, models, user } from './session';

/** The view follows the reply if it is at most this many pixels from its end. */
const FOLLOW_DISTANCE = 80;

export function ConversationView() {
  const conversation = open.value;
  const messages = conversation.messages.value;
  const pendingReply = conversation.pendingReply.value;
  const problem = conversation.problem.value;
  const scroller = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);

  // Follows the reply unless the user has scrolled up.
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element && isAtEnd.current) element.scrollTop = element.scrollHeight;
  });
  useEffect(() => {
    isAtEnd.current = true;
  }, [conversation, messages.length]);

  const isEmpty = messages.length === 0 && !pendingReply && !problem;
  return (
    <div
      class="scroller"
      ref={scroller}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        isAtEnd.current = scrollHeight - scrollTop - clientHeight < FOLLOW_DISTANCE;
      }}
    >
      {isEmpty ? (
        conversation.isLoading.value ? <p class="loading">Loading…</p> : <Welcome />
      ) : (
        <ol class="messages" aria-label="Messages">
          {messages.map((message, index) => (
            <MessageView
              key={message.id}
              message={message}
              conversation={conversation}
              isLast={index === messages.length - 1 && !pendingReply && !problem}
            />
          ))}
          {pendingReply && (
            <li class="assistant" aria-busy="true">
              <h3 class="visually-hidden">goldfish</h3>
              <div class="reply-text">
                <Markdown text={pendingReply.text} />
                {pendingReply.text === '' && <TypingIndicator />}
              </div>
            </li>
          )}
        </ol>
      )}
      {problem && <ProblemView problem={problem} conversation={conversation} />}
    </div>
  );
}

function TypingIndicator() {
  return (
    <span class="typing" aria-hidden="true">
      <i />
      <i />
      <i />
    </span>
  );
}

function Welcome() {
  const limit = maxConversations.value;
  const kept = limit === 1 ? 'newest conversation' : `${limit ?? ''} newest conversations`;
  return (
    <div class="welcome">
      <Mark size={112} />
      <h2>How can I help?</h2>
      <p>
        goldfish keeps your {kept}. When you start one more, the conversation that you have not used for the longest
        time is deleted.
      </p>
      {user.value === null && <p>You can start without an account.</p>}
    </div>
  );
}

function MessageView({
  message,
  conversation,
  isLast,
}: {
  message: Message;
  conversation: Conversation;
  isLast: boolean;
}) {
  if (message.role === 'user') {
    return (
      <li class="user">
        <h3 class="visually-hidden">You</h3>
        <p class="plain">{message.content}</p>
      </li>
    );
  }
  const name = models.value.find((model) => model.id === message.model)?.name ?? message.model;
  return (
    <li class="assistant">
      <h3 class="visually-hidden">goldfish</h3>
      <div class="reply-text">
        {message.content ? <Markdown text={message.content} /> : <p class="faint">No answer was received.</p>}
      </div>
      <div class="message-info">
        {name && <span>{name}</span>}
        {message.status === 'stopped' && <span>stopped</span>}
        {message.status === 'incomplete' && <span>interrupted</span>}
        {message.content && <CopyButton text={message.content} what="reply" />}
        {isLast && (
          <button type="button" class="quiet" onClick={() => conversation.regenerate()}>
            Regenerate
          </button>
        )}
      </div>
    </li>
  );
}

function ProblemView({ problem: { error, retry }, conversation }: { problem: Problem; conversation: Conversation }) {
  const seconds = useCountdown(error.retryAt);
  const unsent = typeof retry === 'object' ? retry : null;
  const run = () => {
    if (unsent) void conversation.resend(unsent);
    else if (retry === 'regenerate') void conversation.regenerate();
    else void conversation.load();
  };
  const label = retry === 'load' ? 'Reload' : 'Retry';
  return (
    <div class="problem" role="alert">
      <p>{error.message}</p>
      <p class="buttons">
        {error.status === 401 ? (
          <button type="button" onClick={() => (isSessionExpired.value = true)}>
            Sign in again
          </button>
        ) : null}
        <button type="button" disabled={seconds > 0} onClick={run}>
          {label}
          {seconds > 0 && ` in ${seconds} s`}
        </button>
        {unsent && (
          <button type="button" class="quiet" onClick={() => editText(conversation.discardUnsent(unsent))}>
            Edit
          </button>
        )}
      </p>
    </div>
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
