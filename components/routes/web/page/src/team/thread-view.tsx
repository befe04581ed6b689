// An open thread: its messages and the field for a new one.

import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { Fragment } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { onPlainClick } from '../address';
import { Back, Dots, Down } from '../icons';
import { DropdownMenu } from '../menu';
import { addressOfTeam, goTo } from '../place';
import { user } from '../session';
import { t } from '../texts';
import { joinChannel } from './channels';
import type { Channel, MessageWithSender } from './client';
import { teamDialog } from './dialog-state';
import { GrowingItem, MessageItem, UnsentItem } from './message-item';
import { OpenThread } from './open-thread';
import { usePageTitle } from './page-title';
import { ThreadComposer } from './thread-composer';
import { whenChanged } from './updates';

/** The view follows new messages if it is at most this many pixels from the end. */
const FOLLOW_DISTANCE = 80;

interface Props {
  id: string;
  message: number | null;
  channel: Channel;
  openList: ComponentChildren;
}

export function ThreadView({ id, message, channel, openList }: Props) {
  const open = useMemo(() => new OpenThread(id, message), []);
  const replyTo = useSignal<MessageWithSender | null>(null);
  const isMember = channel.role !== null;
  useEffect(() => {
    if (!isMember) return undefined;
    void open.load();
    const stop = whenChanged({
      check: () => open.update(),
      followed: { threadId: id },
      receive: (event) => open.receive(event),
    });
    return () => {
      stop();
      open.close();
    };
  }, [isMember]);
  const thread = open.thread.value;
  usePageTitle(thread ? `${thread.name} – ${channel.name}` : channel.name);
  const problem = open.problem.value;
  const back = addressOfTeam(channel.id);
  return (
    <>
      <header>
        {openList}
        <a class="icon-button" href={back} aria-label={t.team.back} title={t.team.back} onClick={onPlainClick(() => goTo(back))}>
          <Back />
        </a>
        <h2 dir="auto">
          <span class="faint">{channel.name} / </span>
          {thread?.name}
        </h2>
        {thread && <ThreadMenu open={open} channel={channel} />}
      </header>
      {!isMember && (
        <div class="welcome">
          <p>{t.team.joinToRead}</p>
          <button type="button" class="strong" onClick={() => joinChannel(channel.id)}>
            {t.team.join}
          </button>
        </div>
      )}
      {problem && (
        <div class="problem">
          <p role="alert">{problem.status === 404 ? t.team.noSuchThread : problem.message}</p>
          <p class="buttons">
            {problem.status !== 404 && (
              <button type="button" onClick={() => open.load()}>
                {t.reload}
              </button>
            )}
            <a href={back} onClick={onPlainClick(() => goTo(back))}>
              {t.team.back}
            </a>
          </p>
        </div>
      )}
      {isMember && !problem && <Messages open={open} channel={channel} startReply={(message) => (replyTo.value = message)} />}
      {isMember && thread && !thread.isArchived && <TypingLine open={open} />}
      {isMember && thread && !thread.isArchived && <ThreadComposer open={open} name={thread.name} replyTo={replyTo} />}
      {thread?.isArchived && <p class="composer faint">{t.team.isArchived}</p>}
    </>
  );
}

/** Who is typing. It keeps its height, so that nothing moves. */
function TypingLine({ open }: { open: OpenThread }) {
  const names = open.typing.value;
  return <p class="who-types faint">{names.length > 0 && t.team.isTyping(names)}</p>;
}

function ThreadMenu({ open, channel }: { open: OpenThread; channel: Channel }) {
  const thread = open.thread.value;
  const isRenaming = useSignal(false);
  if (!thread) return null;
  const isOwn = thread.createdBy === user.value?.id;
  if (!channel.role || (channel.role === 'member' && !isOwn)) return null;
  if (isRenaming.value) {
    const save = (name: string) => {
      isRenaming.value = false;
      if (name.trim() && name.trim() !== thread.name) void open.rename(name.trim());
    };
    return (
      <form
        class="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          save((event.currentTarget.elements[0] as HTMLInputElement).value);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape') isRenaming.value = false;
        }}
      >
        <input
          ref={(element) => element?.focus()}
          type="text"
          dir="auto"
          maxLength={100}
          aria-label={t.team.renameThread}
          defaultValue={thread.name}
        />
        <button type="submit">{t.save}</button>
      </form>
    );
  }
  return (
    <DropdownMenu
      label={t.menu}
      icon={<Dots />}
      items={[
        [t.team.renameThread, () => void (isRenaming.value = true)],
        [thread.isArchived ? t.team.unarchive : t.team.archive, () => open.archive(!thread.isArchived)],
        ...(isOwn || channel.role === 'admin'
          ? [[t.team.deleteThread, () => void (teamDialog.value = { kind: 'delete-thread', thread })] as const]
          : []),
      ]}
    />
  );
}

interface MessagesProps {
  open: OpenThread;
  channel: Channel;
  startReply: (message: MessageWithSender) => void;
}

function Messages({ open, channel, startReply }: MessagesProps) {
  const messages = open.messages.value;
  const scroller = useRef<HTMLDivElement>(null);
  const isAtEnd = useSignal(open.around === null);
  /** The height before older messages were put above. */
  const heightBefore = useRef<number | null>(null);
  const toEnd = () => {
    const element = scroller.current;
    if (element) element.scrollTop = element.scrollHeight;
  };
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    if (heightBefore.current !== null) {
      element.scrollTop += element.scrollHeight - heightBefore.current;
      heightBefore.current = null;
    } else if (isAtEnd.peek()) toEnd();
  });
  // What was posted by the user is shown, and so is the message of the address.
  const unsent = open.unsent.value.length;
  useEffect(() => {
    if (unsent > 0) {
      isAtEnd.value = true;
      toEnd();
    }
  }, [unsent]);
  const isFound = open.around !== null && !open.isLoading.value && messages.some(({ number }) => number === open.around);
  useEffect(() => {
    const target = isFound ? scroller.current?.querySelector<HTMLElement>(`#message-${open.around}`) : null;
    target?.scrollIntoView({ block: 'center' });
    target?.focus({ preventScroll: true });
  }, [isFound]);
  const loadOlder = async () => {
    const height = scroller.current?.scrollHeight ?? 0;
    const before = open.loadOlder();
    heightBefore.current = height;
    await before;
  };
  const byId = new Map(messages.map((message) => [message.id, message]));
  if (open.isLoading.value) return <p class="loading">{t.loading}</p>;
  return (
    <div class="scroller-frame">
      <div
        class="scroller"
        ref={scroller}
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          isAtEnd.value = scrollHeight - scrollTop - clientHeight < FOLLOW_DISTANCE;
        }}
      >
        {open.hasOlder.value && (
          <p class="buttons more-messages">
            <button type="button" onClick={loadOlder}>
              {t.team.older}
            </button>
          </p>
        )}
        {messages.length === 0 && unsent === 0 && <p class="loading faint">{t.team.noMessages}</p>}
        <ol class="messages team-messages" aria-label={t.messages}>
          {messages.map((message) => (
            <Fragment key={message.id}>
              {message.number === open.firstUnread.value && <li class="new-messages">{t.team.newMessages}</li>}
              <MessageItem
                message={message}
                answered={message.replyTo ? byId.get(message.replyTo) : undefined}
                open={open}
                channel={channel}
                startReply={startReply}
              />
            </Fragment>
          ))}
          {open.growing.value.map((reply) => (
            <GrowingItem key={reply.replyTo} reply={reply} />
          ))}
          {open.unsent.value.map((one) => (
            <UnsentItem key={one.clientId} unsent={one} open={open} />
          ))}
        </ol>
        {open.hasNewer.value && (
          <p class="buttons more-messages">
            <button type="button" onClick={() => open.loadNewer()}>
              {t.team.newer}
            </button>
          </p>
        )}
      </div>
      {!isAtEnd.value && (
        <button type="button" class="to-end icon-button" aria-label={t.toEnd} onClick={toEnd}>
          <Down />
        </button>
      )}
    </div>
  );
}
