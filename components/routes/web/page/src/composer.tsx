// Where messages are written.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Send, Stop } from './icons';
import { keep, kept } from './kept';
import { inWords } from './numbers';
import { capacity, next, open } from './threads';

/** As the server counts, in Unicode scalar values. */
const LONGEST = 10_000;
const DRAFT = 'goldfish-draft';

export const field = { current: null as HTMLTextAreaElement | null };

/** Puts a text back to be written on. */
export function edit(text: string): void {
  const area = field.current;
  if (!area) return;
  area.value = area.value ? `${text}\n${area.value}` : text;
  area.dispatchEvent(new Event('input', { bubbles: true }));
  area.focus();
}

export function Composer() {
  const draft = useSignal(kept(sessionStorage, DRAFT) ?? '');
  const area = useRef<HTMLTextAreaElement>(null);
  const thread = open.value;
  const isBusy = thread.underway.value !== null;
  const isStopping = thread.underway.value?.phase === 'stopping';
  const length = [...draft.value].length;
  const isTooLong = length > LONGEST;
  const canSend = !isBusy && !isTooLong && draft.value.trim() !== '';

  useEffect(() => {
    field.current = area.current;
    area.current?.focus();
  }, []);

  const write = (text: string) => {
    draft.value = text;
    keep(sessionStorage, DRAFT, text || null);
  };
  const send = () => {
    if (!canSend) return;
    const message = draft.value;
    write('');
    void thread.send(message);
    area.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // While an input method composes, Enter is its own.
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
      <Forgetting />
      <div class="field">
        <label class="unseen" for="message">
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
          onInput={(event) => write(event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
        {isBusy ? (
          <button type="button" class="round" aria-label="Stop the reply" disabled={isStopping} onClick={() => thread.stop()}>
            <Stop />
          </button>
        ) : (
          <button type="submit" class="round" aria-label="Send" disabled={!canSend}>
            <Send />
          </button>
        )}
      </div>
      <p id="hint" class="hint">
        {length > LONGEST - 1000 ? (
          <span role={isTooLong ? 'alert' : undefined}>
            {length.toLocaleString('en')} of {LONGEST.toLocaleString('en')} characters
            {isTooLong && ': shorten it to send it'}
          </span>
        ) : (
          <>
            <span class="keys">Enter sends, Shift+Enter makes a new line, Escape stops a reply. </span>
            Models make mistakes; check what matters.
          </>
        )}
      </p>
    </form>
  );
}

/** What sending a new conversation's first message would cost. */
function Forgetting() {
  if (open.value.id.value !== null || open.value.isBusy || !next.value) return null;
  return (
    <p class="forgetting">
      You have {inWords(capacity.value ?? 0)} conversations. Starting another one makes goldfish forget{' '}
      <strong>{next.value.title}</strong>.
    </p>
  );
}
