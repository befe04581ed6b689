// Searches the user's conversations: their titles and messages.

import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { requestJson, type StoredConversation } from './api';
import { summaries } from './conversations';
import { t } from './texts';

/** Milliseconds after the last key before the search. */
const DELAY = 150;

/** The ids of the conversations that were found; null while nothing is searched for. */
export const searchResult = signal<Set<string> | null>(null);

let timer: ReturnType<typeof setTimeout> | undefined;

export function Search() {
  return summaries.value.length === 0 ? null : <SearchField />;
}

function SearchField() {
  useEffect(() => () => void (searchResult.value = null), []);
  return (
    <input
      class="search"
      type="search"
      dir="auto"
      aria-label={t.search}
      placeholder={t.search}
      onInput={(event) => {
        const words = event.currentTarget.value.trim();
        clearTimeout(timer);
        if (words) timer = setTimeout(() => void search(words), DELAY);
        else searchResult.value = null;
      }}
    />
  );
}

async function search(words: string): Promise<void> {
  const wanted = words.toLocaleLowerCase();
  const has = (text: string) => text.toLocaleLowerCase().includes(wanted);
  let found: { id: string; title: string; messages?: { content: string }[] }[] = summaries.value;
  try {
    type All = { conversations: StoredConversation[] };
    found = (await requestJson<All>('GET', '/api/conversations')).conversations;
  } catch {
    // Without the messages, the titles are searched.
  }
  const matches = found.filter(({ title, messages = [] }) => has(title) || messages.some(({ content }) => has(content)));
  searchResult.value = new Set(matches.map(({ id }) => id));
}
