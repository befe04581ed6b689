// The field for messages.

import { useEffect, useRef } from 'preact/hooks';
import { maxConversations, nextEvicted, open } from './conversations';
import { openDialog } from './dialog-state';
import { Send, Stop } from './icons';
import { defaultModel } from './session';
import { formatNumber, t } from './texts';
import { AttachButton, UploadList } from './upload-views';

/** Most characters of a message: Unicode scalar values, as the server counts them. */
export const MAX_LENGTH = 10_000;
/** Characters before the limit at which the count is shown. */
const SHOW_COUNT = 1000;

export const messageField = { current: null as HTMLTextAreaElement | null };

/** Puts a text into the field of the open conversation, before what is typed there. */
export function editText(text: string): void {
  const { draft } = open.value;
  open.value.setDraft(draft.value ? `${text}\n${draft.value}` : text);
  messageField.current?.focus();
}

/** For `onKeyDown`: Enter submits, Shift+Enter is a new line. */
export function onEnter(submit: () => void) {
  return (event: KeyboardEvent) => {
    // An input method uses Enter while it composes.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  };
}

export function Composer() {
  const area = useRef<HTMLTextAreaElement>(null);
  const conversation = open.value;
  const draft = conversation.draft.value;
  const isBusy = conversation.pendingReply.value !== null;
  const isStopping = conversation.pendingReply.value?.phase === 'stopping';
  const length = [...draft].length;
  const isTooLong = length > MAX_LENGTH;
  const { uploads } = conversation;
  const hasContent = draft.trim() !== '' || uploads.items.value.length > 0;
  const canSend = !isBusy && !isTooLong && hasContent && !uploads.isUnfinished;

  useEffect(() => {
    messageField.current = area.current;
    area.current?.focus();
  }, []);

  const send = () => {
    if (!canSend) return;
    conversation.setDraft('');
    void conversation.send(draft, uploads.stored);
    uploads.clear();
    area.current?.focus();
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <EvictionWarning />
      <UploadList uploads={uploads} />
      <div class="field">
        <AttachButton uploads={uploads} />
        <label class="visually-hidden" for="message">
          {t.message}
        </label>
        <textarea
          id="message"
          ref={area}
          rows={1}
          dir="auto"
          placeholder={t.ask}
          value={draft}
          aria-describedby="hint"
          aria-invalid={isTooLong}
          onInput={(event) => conversation.setDraft(event.currentTarget.value)}
          onKeyDown={onEnter(send)}
        />
        {isBusy ? (
          <button
            type="button"
            class="round"
            aria-label={t.stop}
            disabled={isStopping}
            onClick={() => conversation.stop()}
          >
            <Stop />
          </button>
        ) : (
          <button type="submit" class="round" aria-label={t.send} disabled={!canSend}>
            <Send />
          </button>
        )}
      </div>
      <p id="hint" class="hint">
        {length > MAX_LENGTH - SHOW_COUNT ? (
          <span role={isTooLong ? 'alert' : undefined}>
            {t.characters(formatNumber(length), formatNumber(MAX_LENGTH))}
            {isTooLong && `. ${t.shorten}`}
          </span>
        ) : (
          <Hint />
        )}
      </p>
    </form>
  );
}

function Hint() {
  const isDemo = (open.value.model.value ?? defaultModel.value) === 'demo';
  return (
    <>
      <span class="keys">{t.keys}</span>
      {isDemo ? (
        <>
          {t.onlyDemo}{' '}
          <button type="button" class="link" onClick={() => (openDialog.value = { kind: 'connect' })}>
            {t.connect}
          </button>
        </>
      ) : (
        t.mistakes
      )}
    </>
  );
}

/** Says which conversation the first message of a new one deletes. */
function EvictionWarning() {
  if (open.value.id.value !== null || open.value.isBusy || !nextEvicted.value) return null;
  return (
    <p class="eviction-warning" dir="auto">
      {t.willEvict(maxConversations.value ?? 0)}
      <strong>{nextEvicted.value.title}</strong>.
    </p>
  );
}
