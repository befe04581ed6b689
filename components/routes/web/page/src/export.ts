// Saves the open conversation as a file.

import type { Conversation } from './conversation';
import { formatDate, t } from './texts';

export function exportMarkdown({ title, messages }: Conversation): void {
  const parts = messages.value.map(({ role, content, timestamp, model, attachments = [] }) => {
    const who = role === 'user' ? t.you : (model ?? 'goldfish');
    const files = attachments.map(({ name, url }) => `- [${escaped(name)}](${url})\n`);
    return [`**${who}** (${formatDate(timestamp)})\n`, ...(content ? [`${content}\n`] : []), ...files].join('\n');
  });
  save(`${title.value}.md`, 'text/markdown', `# ${title.value}\n\n${parts.join('\n---\n\n')}`);
}

export function exportJson({ id, title, model, messages }: Conversation): void {
  const conversation = { id: id.value, title: title.value, model: model.value, messages: messages.value };
  save(`${title.value}.json`, 'application/json', JSON.stringify(conversation, null, 2));
}

/** The name of a file is no Markdown. */
function escaped(text: string): string {
  return text.replace(/[\\[\]*_`<>]/g, '\\$&');
}

function save(name: string, type: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name.replace(/[\\/:*?"<>|\p{Cc}]/gu, '_').slice(0, 100);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
