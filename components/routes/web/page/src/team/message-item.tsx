// A message of a thread, with its reactions and what can be done with it.

import { useSignal } from '@preact/signals';
import { onPlainClick } from '../address';
import { onEnter } from '../composer';
import { CopyButton } from '../copy';
import { Smile } from '../icons';
import { Markdown } from '../markdown';
import { DropdownMenu } from '../menu';
import { addressOfTeam, goTo } from '../place';
import { user } from '../session';
import { formatDate, formatTime, t } from '../texts';
import { SentFiles } from '../upload-views';
import { attempt, type Channel, goldfish, type MessageAttachment, type MessageWithSender } from './client';
import { teamDialog } from './dialog-state';
import type { GrowingReply, OpenThread, Unsent } from './open-thread';

const EMOJI = ['👍', '❤️', '😂', '🎉', '👀', '✅', '🙏', '😢'];
const EXCERPT = 80;

interface Props {
  message: MessageWithSender;
  /** The message that this one replies to, if it is shown. */
  answered: MessageWithSender | undefined;
  open: OpenThread;
  channel: Channel;
  startReply: (message: MessageWithSender) => void;
}

const sentFile = ({ id, filename, url, type }: MessageAttachment) => ({ id, name: filename, url, isImage: type === 'image' });
const nameOf = ({ sender }: MessageWithSender) => sender?.name ?? t.team.deletedUser;

export function MessageItem({ message, answered, open, channel, startReply }: Props) {
  const isEditing = useSignal(false);
  const { number, content, createdAt, editedAt, mentions } = message;
  const isMention = mentions.includes(user.value?.id ?? '');
  const time = Date.parse(createdAt);
  return (
    <li id={`message-${number}`} class={isMention ? 'mention' : undefined} tabIndex={-1}>
      <div class="message-info">
        <h3 dir="auto">{nameOf(message)}</h3>
        <time dateTime={createdAt} title={formatDate(time)}>
          {formatTime(time)}
        </time>
        {editedAt && <span>{t.team.edited}</span>}
        {isMention && <span class="badge">{t.team.mentionsYou}</span>}
      </div>
      {answered && <Answered message={answered} />}
      {isEditing.value ? (
        <EditMessage message={message} open={open} close={() => (isEditing.value = false)} />
      ) : message.deleted ? (
        <p class="faint">{t.team.deleted}</p>
      ) : (
        <>
          <div class="reply-text">
            <Markdown text={content} />
          </div>
          <SentFiles files={message.attachments.map(sentFile)} />
          <Actions message={message} open={open} channel={channel} startReply={startReply} edit={() => (isEditing.value = true)} />
        </>
      )}
    </li>
  );
}

/** The reply of the AI member while it is generated. */
export function GrowingItem({ reply }: { reply: GrowingReply }) {
  const isStopping = useSignal(false);
  const stop = async () => {
    isStopping.value = true;
    await attempt(() => goldfish.messages.stopAnswer(reply.replyTo));
    isStopping.value = false;
  };
  return (
    <li aria-busy="true">
      <div class="message-info">
        <h3 dir="auto">{reply.name}</h3>
        <button type="button" class="quiet" disabled={isStopping.value} onClick={stop}>
          {t.stop}
        </button>
      </div>
      <div class="reply-text">
        <Markdown text={reply.text} isGrowing />
      </div>
    </li>
  );
}

function Answered({ message }: { message: MessageWithSender }) {
  const { channelId, threadId, number } = message;
  const address = addressOfTeam(channelId, threadId, number);
  const text = message.deleted ? t.team.deleted : message.content;
  return (
    <p class="answered">
      <a
        href={address}
        dir="auto"
        onClick={onPlainClick(() => {
          const element = document.getElementById(`message-${number}`);
          if (!element) return goTo(address);
          element.scrollIntoView({ block: 'center' });
          element.focus({ preventScroll: true });
        })}
      >
        {t.team.repliesTo(nameOf(message), text.slice(0, EXCERPT))}
      </a>
    </p>
  );
}

function Actions({ message, open, channel, startReply, edit }: Omit<Props, 'answered'> & { edit: () => void }) {
  const isOwn = message.senderId === user.value?.id;
  const isReadOnly = open.thread.value?.isArchived ?? true;
  const mayDelete = isOwn || channel.role === 'admin' || channel.role === 'moderator';
  const react = (emoji: string) => void open.react(message, emoji);
  return (
    <div class="message-info actions">
      {message.reactions.map(({ emoji, count, mine }) => (
        <button
          key={emoji}
          type="button"
          class="reaction"
          aria-pressed={mine}
          aria-label={t.team.reaction(emoji, count, mine)}
          disabled={isReadOnly}
          onClick={() => react(emoji)}
        >
          {emoji} {count}
        </button>
      ))}
      {!isReadOnly && (
        <DropdownMenu
          label={t.team.react}
          icon={<Smile />}
          items={EMOJI.map((emoji) => [t.team.reactWith(emoji), () => react(emoji)] as const)}
        />
      )}
      {!isReadOnly && (
        <button
          type="button"
          class="quiet"
          aria-label={t.team.replyTo(nameOf(message))}
          onClick={() => startReply(message)}
        >
          {t.team.reply}
        </button>
      )}
      {message.content && <CopyButton text={message.content} what="message" />}
      {isOwn && !isReadOnly && (
        <button type="button" class="quiet" aria-label={t.editMessage} onClick={edit}>
          {t.team.edit}
        </button>
      )}
      {mayDelete && (
        <button
          type="button"
          class="quiet"
          onClick={() => (teamDialog.value = { kind: 'delete-message', open, message })}
        >
          {t.team.deleteMessage}
        </button>
      )}
    </div>
  );
}

function EditMessage({ message, open, close }: { message: MessageWithSender; open: OpenThread; close: () => void }) {
  const text = useSignal(message.content);
  const save = () => {
    if (!text.value.trim()) return;
    close();
    if (text.value !== message.content) void open.edit(message.id, text.value);
  };
  return (
    <form
      class="edit"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        close();
      }}
    >
      <textarea
        ref={(element) => {
          if (element && document.activeElement !== element) element.focus();
        }}
        dir="auto"
        maxLength={10_000}
        aria-label={t.editMessage}
        value={text.value}
        onInput={(event) => (text.value = event.currentTarget.value)}
        onKeyDown={onEnter(save)}
      />
      <p class="buttons">
        <button type="submit" class="strong" disabled={!text.value.trim()}>
          {t.save}
        </button>
        <button type="button" class="quiet" onClick={close}>
          {t.cancel}
        </button>
      </p>
    </form>
  );
}

/** A message that is being posted, or could not be. */
export function UnsentItem({ unsent, open }: { unsent: Unsent; open: OpenThread }) {
  const { clientId, content, error } = unsent;
  return (
    <li class="unsent">
      <div class="message-info">
        <h3>{t.you}</h3>
        {!error && <span>{t.team.sending}</span>}
      </div>
      <p class="plain" dir="auto">
        {content}
      </p>
      {error && (
        <>
          <p class="failure">
            {t.team.notSent} {error.message}
          </p>
          <p class="buttons">
            <button type="button" onClick={() => open.retry(unsent)}>
              {t.retry}
            </button>
            <button type="button" class="quiet" onClick={() => open.discard(clientId)}>
              {t.delete}
            </button>
          </p>
        </>
      )}
    </li>
  );
}
