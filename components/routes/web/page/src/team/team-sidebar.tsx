// The sidebar of the channels: those of the user, with what is unread, and the search.

import { useEffect } from 'preact/hooks';
import { onPlainClick } from '../address';
import { Lock, Plus } from '../icons';
import { addressOfTeam, goTo, place } from '../place';
import { user } from '../session';
import { t } from '../texts';
import { joined, loadJoined } from './channels';
import { attempt } from './client';
import { teamDialog } from './dialog-state';
import { searchWords } from './search';
import { whenChanged } from './updates';

export function TeamSidebar({ close }: { close: () => void }) {
  const id = user.value?.id;
  useEffect(() => {
    if (!id) return undefined;
    void attempt(loadJoined);
    return whenChanged({ check: loadJoined, followed: 'feed' });
  }, [id]);
  const go = (address: string) =>
    onPlainClick(() => {
      searchWords.value = '';
      goTo(address);
      close();
    });
  const current = place.value;
  const openId = current.view === 'team' ? current.channel : null;
  return (
    <nav aria-label={t.team.channels}>
      <a
        class="new"
        href={addressOfTeam()}
        aria-current={current.view === 'team' && !openId ? 'page' : undefined}
        onClick={go(addressOfTeam())}
      >
        {t.team.browse}
      </a>
      {id && (
        <button type="button" class="new create-channel" onClick={() => (teamDialog.value = { kind: 'create' })}>
          <Plus />
          {t.team.create}
        </button>
      )}
      {joined.value && joined.value.length > 0 && <SearchField close={close} />}
      {joined.value && <p class="count">{joined.value.length === 0 ? t.team.none : t.team.yours}</p>}
      <ul class="conversations" aria-label={t.team.yours}>
        {joined.value?.map((channel) => (
          <li key={channel.id} class={channel.id === openId ? 'current' : undefined}>
            <a
              class="title"
              href={addressOfTeam(channel.id)}
              aria-current={channel.id === openId ? 'page' : undefined}
              onClick={go(addressOfTeam(channel.id))}
            >
              <span class="name" dir="auto">
                {channel.isPrivate && <Lock />} {channel.name}
              </span>
              {channel.unreadCount > 0 && <span class="unread">{t.team.unread(channel.unreadCount)}</span>}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function SearchField({ close }: { close: () => void }) {
  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        close();
      }}
    >
      <input
        class="search"
        type="search"
        dir="auto"
        maxLength={200}
        aria-label={t.team.search}
        placeholder={t.team.search}
        value={searchWords.value}
        onInput={(event) => (searchWords.value = event.currentTarget.value)}
      />
    </form>
  );
}
