// One message of the conversation, with its versions and what can be done with it.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type Message, sentenceOf } from './api';
import { MAX_LENGTH, onEnter } from './composer';
import { type Conversation, isShownImage } from './conversation';
import { CopyButton } from './copy';
import { Markdown, Reasoning } from './markdown';
import { isPermanent, Remedies } from './remedies';
import { models } from './session';
import { formatDate, formatTime, t } from './texts';
import { SentFiles } from './upload-views';

interface Props {
  message: Message;
  conversation: Conversation;
  /** Nothing follows the message, and no reply is expected. */
  isLast: boolean;
}

export function MessageView({ message, conversation, isLast }: Props) {
  return message.role === 'user' ? (
    <UserMessage message={message} conversation={conversation} />
  ) : (
    <Reply message={message} conversation={conversation} isLast={isLast} />
  );
}

function UserMessage({ message, conversation }: Omit<Props, 'isLast'>) {
  const { edited } = conversation;
  const isStored = conversation.id.value !== null && !conversation.isBusy && !conversation.isUnsent(message.id);
  if (edited.value === message.id && isStored) {
    return (
      <li class="user editing">
        <h3 class="visually-hidden">{t.you}</h3>
        <EditForm message={message} conversation={conversation} close={() => (edited.value = null)} />
      </li>
    );
  }
  return (
    <li class="user-turn">
      <div class="user">
        <h3 class="visually-hidden">{t.you}</h3>
        <SentFiles files={filesOf(message)} />
        {message.content && (
          <p class="plain" dir="auto">
            {message.content}
          </p>
        )}
      </div>
      <div class="message-info">
        <Time message={message} />
        <CopyButton text={message.content} what="message" />
        {isStored && (
          <button type="button" class="quiet" aria-label={t.editMessage} onClick={() => (edited.value = message.id)}>
            {t.edit}
          </button>
        )}
        <Versions message={message} conversation={conversation} />
      </div>
    </li>
  );
}

function filesOf({ attachments = [] }: Message) {
  return attachments.map(({ id, name, url, mediaType }) => ({ id, name, url, isImage: isShownImage(mediaType) }));
}

function EditForm({ message, conversation, close }: Omit<Props, 'isLast'> & { close: () => void }) {
  const text = useSignal(message.content);
  const area = useRef<HTMLTextAreaElement>(null);
  const hasContent = text.value.trim() !== '' || filesOf(message).length > 0;
  const canSend = hasContent && [...text.value].length <= MAX_LENGTH && !conversation.isBusy;
  useEffect(() => area.current?.focus(), []);
  const send = () => {
    if (!canSend) return;
    close();
    void conversation.edit(message, text.value);
  };
  return (
    <form
      class="edit"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        close();
      }}
    >
      <textarea
        ref={area}
        dir="auto"
        aria-label={t.editMessage}
        value={text.value}
        onInput={(event) => (text.value = event.currentTarget.value)}
        onKeyDown={onEnter(send)}
      />
      <p class="buttons">
        <button type="submit" class="strong" disabled={!canSend}>
          {t.send}
        </button>
        <button type="button" class="quiet" onClick={close}>
          {t.cancel}
        </button>
      </p>
    </form>
  );
}

function Reply({ message, conversation, isLast }: Props) {
  const name = models.value.find((model) => model.id === message.model)?.name ?? message.model;
  const { failure } = message;
  // Another tab may have asked for it.
  const isWritten = message.status === 'streaming';
  return (
    <li class="assistant">
      <h3 class="visually-hidden">goldfish</h3>
      <div class="reply-text">
        <Reasoning text={message.reasoning} />
        {message.content ? <Markdown text={message.content} /> : <p class="faint">{isWritten ? t.waiting : t.noAnswer}</p>}
      </div>
      {failure && <p class="failure">{sentenceOf(failure.code, failure.message)}</p>}
      {failure && isLast && isPermanent(failure.code) && (
        <p class="buttons">
          <Remedies code={failure.code} conversation={conversation} />
        </p>
      )}
      <div class="message-info">
        {name && <span>{name}</span>}
        <Time message={message} />
        {message.status === 'stopped' && <span>{t.stopped}</span>}
        {message.status === 'incomplete' && <span>{t.interrupted}</span>}
        <Versions message={message} conversation={conversation} />
        {message.content && <CopyButton text={message.content} what="reply" />}
        {isLast && (
          <button type="button" class="quiet" onClick={() => conversation.regenerate()}>
            {t.regenerate}
          </button>
        )}
      </div>
    </li>
  );
}

function Time({ message: { timestamp } }: { message: Message }) {
  return (
    <time dateTime={new Date(timestamp).toISOString()} title={formatDate(timestamp)}>
      {formatTime(timestamp)}
    </time>
  );
}

/** `‹ 2/3 ›` */
function Versions({ message, conversation }: Omit<Props, 'isLast'>) {
  const versions = message.versions ?? [];
  const index = versions.findIndex(({ id }) => id === message.id);
  if (versions.length < 2) return null;
  const button = (target: number, label: string, sign: string) => {
    const version = versions[target];
    return (
      <button
        type="button"
        class="quiet"
        aria-label={label}
        disabled={!version || conversation.isBusy}
        onClick={() => version && conversation.selectVersion(message.id, version.id)}
      >
        {sign}
      </button>
    );
  };
  return (
    <span class="versions" role="group" aria-label={t.version(index + 1, versions.length)}>
      {button(index - 1, t.previousVersion, '‹')}
      <span aria-hidden="true">
        {index + 1}/{versions.length}
      </span>
      {button(index + 1, t.nextVersion, '›')}
    </span>
  );
}
