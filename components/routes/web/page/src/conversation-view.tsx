// The open conversation: its messages, the reply that is being written, and an error.

import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { PendingReply } from './conversation';
import { maxConversations, open } from './conversations';
import { Down, Mark } from './icons';
import { Markdown, Reasoning } from './markdown';
import { MessageView } from './message-view';
import { ProblemView } from './problem-view';
import { user } from './session';
import { formatNumber, t } from './texts';

/** The view follows the reply if it is at most this many pixels from its end. */
const FOLLOW_DISTANCE = 80;

export function ConversationView() {
  const conversation = open.value;
  const messages = conversation.messages.value;
  const pendingReply = conversation.pendingReply.value;
  const problem = conversation.problem.value;
  const scroller = useRef<HTMLDivElement>(null);
  const isAtEnd = useSignal(true);

  const toEnd = () => {
    const element = scroller.current;
    if (element) element.scrollTop = element.scrollHeight;
  };
  // Follows the reply unless the user has scrolled up.
  useLayoutEffect(() => {
    if (isAtEnd.peek()) toEnd();
  });
  // A message that was sent is shown; the end of a reply does not move what is being read.
  const sent = messages.filter(({ role }) => role === 'user').length;
  useEffect(() => {
    isAtEnd.value = true;
    toEnd();
  }, [conversation, sent]);

  const isEmpty = messages.length === 0 && !pendingReply && !problem;
  return (
    <div class="scroller-frame">
      <div
        class="scroller"
        ref={scroller}
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          isAtEnd.value = scrollHeight - scrollTop - clientHeight < FOLLOW_DISTANCE;
        }}
      >
        {isEmpty ? (
          conversation.isLoading.value ? <p class="loading">{t.loading}</p> : <Welcome />
        ) : (
          <ol class="messages" aria-label={t.messages}>
            {messages.map((message, index) => (
              <MessageView
                key={message.id}
                message={problem && index === messages.length - 1 ? withoutFailure(message) : message}
                conversation={conversation}
                isLast={index === messages.length - 1 && !pendingReply && !problem}
              />
            ))}
            {pendingReply && <PendingReplyView reply={pendingReply} reasoning={conversation.reasoning.value} />}
          </ol>
        )}
        {problem && <ProblemView problem={problem} conversation={conversation} />}
      </div>
      {!isAtEnd.value && (
        <button type="button" class="to-end icon-button" aria-label={t.toEnd} onClick={toEnd}>
          <Down />
        </button>
      )}
    </div>
  );
}

/** The error below says the same. */
function withoutFailure<T extends { failure?: unknown }>({ failure: _, ...message }: T) {
  return message;
}

function PendingReplyView({ reply, reasoning }: { reply: PendingReply; reasoning: string }) {
  return (
    <li class="assistant" aria-busy="true">
      <h3 class="visually-hidden">goldfish</h3>
      <div class="reply-text">
        <Reasoning text={reasoning} />
        <Markdown text={reply.text} isGrowing />
        {reply.text === '' && !reply.isReconnecting && (
          <span class="typing" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
        )}
      </div>
      <p class="reconnecting faint" role="status">
        {reply.isReconnecting && t.reconnecting}
      </p>
    </li>
  );
}

function Welcome() {
  const limit = maxConversations.value;
  return (
    <div class="welcome">
      <Mark size={112} />
      <h2>{t.welcome}</h2>
      {limit === 0 ? (
        <p>{t.keepsAll}</p>
      ) : (
        <p>
          {limit === 1 ? t.keepsOne : t.keeps(limit === null ? '' : formatNumber(limit)).replace('  ', ' ')} {t.evicts}
        </p>
      )}
      {user.value === null && <p>{t.noAccount}</p>}
    </div>
  );
}
