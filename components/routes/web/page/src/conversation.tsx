// The open conversation: messages, the reply under way, and what went wrong.

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Message } from './api';
import { edit } from './composer';
import { CopyButton } from './copy';
import { Mark } from './icons';
import { Markdown } from './markdown';
import { inWords } from './numbers';
import { hasExpired, models, user } from './session';
import type { Problem, Thread } from './thread';
import { capacity, open } from './threads';

/** How close to its end, in pixels, a page counts as read to the end. */
const NEAR = 80;

export function Conversation() {
  const thread = open.value;
  const messages = thread.messages.value;
  const underway = thread.underway.value;
  const problem = thread.problem.value;
  const scroller = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);

  // Follows what is being said, unless somebody has scrolled up to read.
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element && isAtEnd.current) element.scrollTop = element.scrollHeight;
  });
  useEffect(() => {
    isAtEnd.current = true;
  }, [thread, messages.length]);

  const isEmpty = messages.length === 0 && !underway && !problem;
  return (
    <div
      class="scroller"
      ref={scroller}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        isAtEnd.current = scrollHeight - scrollTop - clientHeight < NEAR;
      }}
    >
      {isEmpty ? (
        thread.isLoading.value ? <p class="loading">Remembering…</p> : <Welcome />
      ) : (
        <ol class="messages" aria-label="Messages">
          {messages.map((message, index) => (
            <Entry
              key={message.id}
              message={message}
              thread={thread}
              isLast={index === messages.length - 1 && !underway && !problem}
            />
          ))}
          {underway && (
            <li class="assistant" aria-busy="true">
              <h3 class="unseen">goldfish</h3>
              <div class="said">
                <Markdown text={underway.text} />
                {underway.text === '' && <Bubbles />}
              </div>
            </li>
          )}
        </ol>
      )}
      {problem && <Trouble problem={problem} thread={thread} />}
    </div>
  );
}

function Bubbles() {
  return (
    <span class="bubbles" aria-hidden="true">
      <i />
      <i />
      <i />
    </span>
  );
}

function Welcome() {
  const most = capacity.value;
  const kept = most === 1 ? 'one conversation' : `${most ? inWords(most) : 'a few'} conversations`;
  return (
    <div class="welcome">
      <Mark size={112} />
      <h2>What’s on your mind?</h2>
      <p>
        goldfish remembers {kept}. One more, and it forgets the one you have not touched for the longest time, for
        good.
      </p>
      {user.value === null && <p>No account is needed: your first message makes you a guest.</p>}
    </div>
  );
}

function Entry({ message, thread, isLast }: { message: Message; thread: Thread; isLast: boolean }) {
  if (message.role === 'user') {
    return (
      <li class="user">
        <h3 class="unseen">You</h3>
        <p class="plain">{message.content}</p>
      </li>
    );
  }
  const name = models.value.find((model) => model.id === message.model)?.name ?? message.model;
  return (
    <li class="assistant">
      <h3 class="unseen">goldfish</h3>
      <div class="said">
        {message.content ? <Markdown text={message.content} /> : <p class="faint">Nothing was said.</p>}
      </div>
      <div class="about">
        {name && <span>{name}</span>}
        {message.status === 'stopped' && <span>stopped</span>}
        {message.status === 'incomplete' && <span>broke off</span>}
        {message.content && <CopyButton text={message.content} what="reply" />}
        {isLast && (
          <button type="button" class="quiet" onClick={() => thread.regenerate()}>
            Another reply
          </button>
        )}
      </div>
    </li>
  );
}

function Trouble({ problem: { failure, again }, thread }: { problem: Problem; thread: Thread }) {
  const seconds = useCountdown(failure.retryAt);
  const unsent = typeof again === 'object' ? again : null;
  const retry = () => {
    if (unsent) void thread.resend(unsent);
    else if (again === 'regenerate') void thread.regenerate();
    else void thread.load();
  };
  const label = unsent ? 'Send again' : again === 'regenerate' ? 'Ask for a reply again' : 'Look again';
  return (
    <div class="trouble" role="alert">
      <p>{failure.message}</p>
      <p class="buttons">
        {failure.status === 401 ? (
          <button type="button" onClick={() => (hasExpired.value = true)}>
            Sign in again
          </button>
        ) : null}
        <button type="button" disabled={seconds > 0} onClick={retry}>
          {label}
          {seconds > 0 && ` in ${seconds} s`}
        </button>
        {unsent && (
          <button type="button" class="quiet" onClick={() => edit(thread.withdraw(unsent))}>
            Edit it
          </button>
        )}
      </p>
    </div>
  );
}

/** Seconds until then; 0 when it is past. */
function useCountdown(until: number | null): number {
  const left = () => Math.max(0, Math.ceil(((until ?? 0) - Date.now()) / 1000));
  const [seconds, set] = useState(left);
  useEffect(() => {
    set(left());
    const timer = setInterval(() => set(left()), 500);
    return () => clearInterval(timer);
  }, [until]);
  return seconds;
}
