// Searches the messages of the user's channels.

import { signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { onPlainClick } from '../address';
import { addressOfTeam, goTo } from '../place';
import { formatDate, t } from '../texts';
import { joined } from './channels';
import { attempt, goldfish, type MessageWithSender } from './client';

/** Milliseconds after the last key before the search. */
const DELAY = 250;

/** What is searched for; empty if nothing is. */
export const searchWords = signal('');

export function SearchResults() {
  const words = searchWords.value.trim();
  const found = useSignal<MessageWithSender[] | null>(null);
  const next = useSignal<string | undefined>(undefined);
  const search = async (cursor?: string) => {
    const page = await goldfish.messages.search(words, { cursor, limit: 20 });
    if (searchWords.peek().trim() !== words) return;
    found.value = [...(cursor ? (found.value ?? []) : []), ...page.items];
    next.value = page.next;
  };
  useEffect(() => {
    const timer = setTimeout(() => void attempt(search), DELAY);
    return () => clearTimeout(timer);
  }, [words]);
  return (
    <div class="scroller">
      <section class="team-page" aria-labelledby="results">
        <h2 id="results">{t.team.results(words)}</h2>
        <p role="status">{found.value?.length === 0 && t.noMatch}</p>
        <ul class="results">
          {found.value?.map((message) => (
            <Result key={message.id} message={message} />
          ))}
        </ul>
        {next.value && (
          <p class="buttons">
            <button type="button" onClick={() => attempt(() => search(next.value))}>
              {t.more}
            </button>
          </p>
        )}
      </section>
    </div>
  );
}

function Result({ message }: { message: MessageWithSender }) {
  const { channelId, threadId, number, content, sender, createdAt } = message;
  const address = addressOfTeam(channelId, threadId, number);
  const channel = joined.value?.find(({ id }) => id === channelId);
  const open = () => {
    searchWords.value = '';
    goTo(address);
  };
  return (
    <li>
      <a href={address} onClick={onPlainClick(open)}>
        <span class="faint">
          {[channel?.name, sender?.name ?? t.team.deletedUser, formatDate(Date.parse(createdAt))].filter(Boolean).join(', ')}
        </span>
        <span class="excerpt" dir="auto">
          {content.slice(0, 300)}
        </span>
      </a>
    </li>
  );
}
