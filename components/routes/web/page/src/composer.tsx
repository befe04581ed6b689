// The field for messages.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { maxConversations, nextEvicted, open } from './conversations';
import { Send, Stop } from './icons';
import { loadItem, saveItem } from './storage';

/** Most characters of a message: Unicode scalar values, as the server counts them. */
const MAX_LENGTH = 10_000;
/** Characters before the limit at which the count is shown. */
const SHOW_COUNT = 1000;
const DRAFT = 'goldfish-draft';

export const messageField = { current: null as HTMLTextAreaElement | null };

/** Puts a text into the field, before what is typed there. */
export function editText(text: string): void {
  const area = messageField.current;
  if (!area) return;
  area.value = area.value ? `${text}\n${area.value}` : text;
  area.dispatchEvent(new Event('input', { bubbles: true }));
  area.focus();
}

export function Composer() {
  const draft = useSignal(loadItem(sessionStorage, DRAFT) ?? '');
  const area = useRef<HTMLTextAreaElement>(null);
  const conversation = open.value;
  const isBusy = conversation.pendingReply.value !== null;
  const isStopping = conversation.pendingReply.value?.phase === 'stopping';
  const length = [...draft.value].length;
  const isTooLong = length > MAX_LENGTH;
  const canSend = !isBusy && !isTooLong && draft.value.trim() !== '';

  useEffect(() => {
    messageField.current = area.current;
    area.current?.focus();
  }, []);

  const setDraft = (text: string) => {
    draft.value = text;
    saveItem(sessionStorage, DRAFT, text || null);
  };
  const send = () => {
    if (!canSend) return;
    const message = draft.value;
    setDraft('');
    void conversation.send(message);
    area.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // An input method uses Enter while it composes.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
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
      <div class="field">
        <label class="visually-hidden" for="message">
          Message
        </label>
        <textarea
          id="message"
          ref={area}
          rows={1}
          placeholder="Ask anything"
          value={draft.value}
          aria-describedby="hint"
          aria-invalid={isTooLong}
          onInput={(event) => setDraft(event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
        {isBusy ? (
          <button
            type="button"
            class="round"
            aria-label="Stop the reply"
            disabled={isStopping}
            onClick={() => conversation.stop()}
          >
            <Stop />
          </button>
        ) : (
          <button type="submit" class="round" aria-label="Send" disabled={!canSend}>
            <Send />
          </button>
        )}
      </div>
      <p id="hint" class="hint">
        {length > MAX_LENGTH - SHOW_COUNT ? (
          <span role={isTooLong ? 'alert' : undefined}>
            {length.toLocaleString('en')} of {MAX_LENGTH.toLocaleString('en')} characters
            {isTooLong && '. Shorten the message to send it.'}
          </span>
        ) : (
          <>
            <span class="keys">Enter: send. Shift+Enter: new line. Escape: stop the reply. </span>
            AI can make mistakes. Check important facts.
          </>
        )}
      </p>
    </form>
  );
}

/** Says which conversation the first message of a new one deletes. */
function EvictionWarning() {
  if (open.value.id.value !== null || open.value.isBusy || !nextEvicted.value) return null;
  return (
    <p class="eviction-warning">
      You have {maxConversations.value} of {maxConversations.value} conversations. A new one will delete{' '}
      <strong>{nextEvicted.value.title}</strong>.
    </p>
  );
}
