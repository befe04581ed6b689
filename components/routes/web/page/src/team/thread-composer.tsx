// The field for a message in a thread.

import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { MAX_LENGTH, onEnter } from '../composer';
import { loadDraft, saveDraft } from '../drafts';
import { Close, Send } from '../icons';
import { formatNumber, t } from '../texts';
import { AttachButton, fileHandlers, UploadList } from '../upload-views';
import { Uploads } from '../uploads';
import { errorOf, goldfish, type MessageAttachment, type MessageWithSender } from './client';
import type { OpenThread } from './open-thread';
import { tellTyping } from './updates';

interface Props {
  open: OpenThread;
  /** The name of the thread. */
  name: string;
  replyTo: Signal<MessageWithSender | null>;
}

export function ThreadComposer({ open, name, replyTo }: Props) {
  const area = useRef<HTMLTextAreaElement>(null);
  const text = useSignal(loadDraft(open.id));
  const uploads = useMemo(() => new Uploads(upload), []);
  const length = [...text.value].length;
  const isTooLong = length > MAX_LENGTH;
  const hasContent = text.value.trim() !== '' || uploads.items.value.length > 0;
  const canSend = hasContent && !isTooLong && !uploads.isUnfinished;
  const answered = replyTo.value;
  useEffect(() => area.current?.focus(), [answered]);
  useEffect(() => () => uploads.clear(), []);
  const setText = (value: string) => {
    text.value = value;
    saveDraft(open.id, value);
    tellTyping(open.id, value.trim() ? 'start' : 'stop');
  };
  const send = () => {
    if (!canSend) return;
    void open.post(text.value, uploads.stored, answered);
    setText('');
    uploads.clear();
    replyTo.value = null;
    area.current?.focus();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      {...fileHandlers(uploads)}
    >
      {answered && (
        <p class="answered">
          <span dir="auto">{t.team.repliesTo(answered.sender?.name ?? t.team.deletedUser, answered.content.slice(0, 80))}</span>
          <button type="button" class="icon-button" aria-label={t.team.noReply} onClick={() => (replyTo.value = null)}>
            <Close />
          </button>
        </p>
      )}
      <UploadList uploads={uploads} />
      <div class="field">
        <AttachButton uploads={uploads} />
        <label class="visually-hidden" for="team-message">
          {t.team.writeTo(name)}
        </label>
        <textarea
          id="team-message"
          ref={area}
          rows={1}
          dir="auto"
          placeholder={t.team.writeTo(name)}
          value={text.value}
          aria-describedby="team-hint"
          aria-invalid={isTooLong}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={onEnter(send)}
        />
        <button type="submit" class="round" aria-label={t.send} disabled={!canSend}>
          <Send />
        </button>
      </div>
      <p id="team-hint" class="hint">
        {isTooLong ? (
          <span role="alert">{t.characters(formatNumber(length), formatNumber(MAX_LENGTH))}</span>
        ) : (
          <span class="keys">{t.team.keys}</span>
        )}
      </p>
    </form>
  );
}

/** Sends a file of a message: as an image if the server takes it as one. */
async function upload(
  file: File,
  onProgress: (part: number) => void,
  signal: AbortSignal,
): Promise<MessageAttachment> {
  const isImage = /^image\/(png|jpeg|gif|webp)$/.test(file.type);
  const options = {
    signal,
    onProgress: ({ loaded, total }: { loaded: number; total: number }) => onProgress(total ? loaded / total : 1),
  };
  try {
    const { id, url, filename, size, mimeType } = await (isImage
      ? goldfish.uploads.messageImage(file, options)
      : goldfish.uploads.messageAttachment(file, options));
    return { id, url: new URL(url, location.href).pathname, filename, size, mimeType, type: typeOf(mimeType) };
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    throw errorOf(thrown);
  }
}

function typeOf(mimeType: string): MessageAttachment['type'] {
  const [kind] = mimeType.split('/');
  return kind === 'image' || kind === 'video' || kind === 'audio' ? kind : 'document';
}
