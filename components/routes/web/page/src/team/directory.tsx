// All channels that the user may see, to be joined.

import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { onPlainClick } from '../address';
import { Lock } from '../icons';
import { addressOfTeam, goTo } from '../place';
import { formatNumber, t } from '../texts';
import { joinChannel } from './channels';
import { attempt, type Channel, goldfish } from './client';
import { usePageTitle } from './page-title';

/** Milliseconds after the last key before the search. */
const DELAY = 200;

export function Directory({ openList }: { openList: ComponentChildren }) {
  const words = useSignal('');
  const found = useSignal<Channel[] | null>(null);
  const next = useSignal<string | null>(null);
  usePageTitle(t.team.channels);
  const load = async (cursor?: string) => {
    const search = words.peek().trim() || undefined;
    const { data, meta } = await goldfish.channels.list({ search, limit: 30, cursor });
    if ((words.peek().trim() || undefined) !== search) return;
    found.value = [...(cursor ? (found.value ?? []) : []), ...data];
    next.value = meta.nextCursor;
  };
  const typed = words.value;
  useEffect(() => {
    const timer = setTimeout(() => void attempt(load), typed ? DELAY : 0);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <>
      <header>
        {openList}
        <h2>{t.team.channels}</h2>
      </header>
      <div class="scroller">
        <div class="team-page">
          <input
            class="search"
            type="search"
            dir="auto"
            maxLength={200}
            aria-label={t.team.searchChannels}
            placeholder={t.team.searchChannels}
            value={typed}
            onInput={(event) => (words.value = event.currentTarget.value)}
          />
          <p role="status">{found.value?.length === 0 && t.team.noChannels}</p>
          <ul class="cards">
            {found.value?.map((channel) => (
              <Card key={channel.id} channel={channel} />
            ))}
          </ul>
          {next.value && (
            <p class="buttons">
              <button type="button" onClick={() => attempt(() => load(next.value ?? undefined))}>
                {t.more}
              </button>
            </p>
          )}
        </div>
      </div>
    </>
  );
}

function Card({ channel }: { channel: Channel }) {
  const { id, name, description, isPrivate, category, memberCount, role } = channel;
  const address = addressOfTeam(id);
  const join = async () => {
    await joinChannel(id);
    goTo(address);
  };
  return (
    <li>
      <div>
        <h3 dir="auto">
          <a href={address} onClick={onPlainClick(() => goTo(address))}>
            {name}
          </a>{' '}
          {isPrivate && (
            <span class="badge">
              <Lock />
              {t.team.isPrivate}
            </span>
          )}
        </h3>
        {description && <p dir="auto">{description}</p>}
        <p class="faint">
          {category}, {t.team.memberCount(memberCount).replace(String(memberCount), formatNumber(memberCount))}
        </p>
      </div>
      {role ? (
        <span class="faint">{t.team.joined}</span>
      ) : (
        <button type="button" aria-label={t.team.joinNamed(name)} onClick={join}>
          {t.team.join}
        </button>
      )}
    </li>
  );
}
