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

/** How many searches there were: only the last one shows what it finds. */
let searches = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

export function Search() {
  return summaries.value.length === 0 ? null : <SearchField />;
}

function SearchField() {
  useEffect(() => clear, []);
  return (
    <input
      class="search"
      type="search"
      dir="auto"
      aria-label={t.search}
      placeholder={t.searchShort}
      onInput={(event) => {
        const words = event.currentTarget.value.trim();
        clearTimeout(timer);
        if (words) timer = setTimeout(() => void search(words), DELAY);
        else clear();
      }}
    />
  );
}

async function search(words: string): Promise<void> {
  searches += 1;
  const number = searches;
  const wanted = words.toLocaleLowerCase();
  const has = (text: string) => text.toLocaleLowerCase().includes(wanted);
  // Titles are here already; messages come in pages.
  const found = new Set(summaries.value.filter(({ title }) => has(title)).map(({ id }) => id));
  // That nothing was found is not known before the end.
  if (found.size > 0) searchResult.value = new Set(found);
  let query = '';
  try {
    do {
      const page = await requestJson<Page>('GET', `/api/conversations${query}`);
      // The user has typed on meanwhile.
      if (number !== searches) return;
      for (const { id, title, messages } of page.conversations) {
        if (has(title) || messages.some(({ content }) => has(content))) found.add(id);
      }
      if (found.size > 0) searchResult.value = new Set(found);
      query = page.nextCursor ? `?cursor=${encodeURIComponent(page.nextCursor)}` : '';
    } while (query);
  } catch {
    // What was found until then is shown.
  }
  if (number === searches) searchResult.value = new Set(found);
}

/** Ends the search. */
function clear(): void {
  clearTimeout(timer);
  searches += 1;
  searchResult.value = null;
}

interface Page {
  conversations: StoredConversation[];
  nextCursor?: string | null;
}
