// What the user can do about an error that the same request would meet again.

import { editText } from './composer';
import type { Conversation } from './conversation';
import { openNew } from './conversations';
import { t } from './texts';

/** By the code of the error, what helps: another text, another model, or a new conversation. */
const HELP: Record<string, readonly ('edit' | 'model' | 'new')[]> = {
  CONTEXT_LENGTH_EXCEEDED: ['edit', 'model', 'new'],
  PAYLOAD_TOO_LARGE: ['edit'],
  CONTENT_BLOCKED: ['edit', 'new'],
  VALIDATION_ERROR: ['edit', 'model', 'new'],
  NOT_FOUND: ['new'],
};

export function isPermanent(code: string): boolean {
  return code in HELP;
}

/** Buttons for an error of the last message, which is stored or could not be sent. */
export function Remedies({ code, conversation }: { code: string; conversation: Conversation }) {
  const help = HELP[code] ?? [];
  const { unsent } = conversation;
  const edit = () => {
    if (unsent) editText(conversation.discardUnsent(unsent));
    else conversation.edited.value = conversation.messages.value.findLast(({ role }) => role === 'user')?.id ?? null;
  };
  /** The text of a message that cannot be stored here comes along. */
  const startNew = () => {
    const text = unsent ? conversation.discardUnsent(unsent) : '';
    openNew();
    if (text) editText(text);
  };
  return (
    <>
      {help.includes('edit') && (
        <button type="button" onClick={edit}>
          {t.edit}
        </button>
      )}
      {help.includes('model') && (
        <button type="button" onClick={() => document.querySelector<HTMLElement>('.model select')?.focus()}>
          {t.otherModel}
        </button>
      )}
      {help.includes('new') && (
        <button type="button" onClick={startNew}>
          {t.newConversation}
        </button>
      )}
    </>
  );
}
