// An open channel: its threads, or one of them.

import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { onPlainClick } from '../address';
import { Gear, Lock } from '../icons';
import { addressOfTeam, goTo } from '../place';
import { formatTime, t } from '../texts';
import { channel, joinChannel, loadChannel, loadMoreThreads, moreThreads, openChannel, problem, threads } from './channels';
import { attempt, type Channel, goldfish, type Thread } from './client';
import { teamDialog } from './dialog-state';
import { usePageTitle } from './page-title';
import { ThreadView } from './thread-view';
import { whenChanged } from './updates';

interface Props {
  id: string;
  thread: string | null;
  /** The number of the message that is to be shown. */
  message: number | null;
  openList: ComponentChildren;
}

export function ChannelView({ id, thread, message, openList }: Props) {
  const shown = channel.value?.id === id ? channel.value : null;
  const isMember = Boolean(shown?.role);
  useEffect(() => void openChannel(id), [id]);
  useEffect(() => {
    const followed = isMember ? { channelId: id } : undefined;
    return whenChanged({ check: () => loadChannel(id), followed });
  }, [id, isMember]);
  if (problem.value) {
    const isGone = problem.value.status === 404;
    return (
      <>
        <header>
          {openList}
          <h2 class="faint">{t.team.channels}</h2>
        </header>
        <div class="problem">
          <p role="alert">{isGone ? t.team.noSuchChannel : problem.value.message}</p>
          <p class="buttons">
            {!isGone && (
              <button type="button" onClick={() => openChannel(id)}>
                {t.reload}
              </button>
            )}
            <a href={addressOfTeam()} onClick={onPlainClick(() => goTo(addressOfTeam()))}>
              {t.team.browse}
            </a>
          </p>
        </div>
      </>
    );
  }
  if (!shown) {
    return (
      <>
        <header>{openList}</header>
        <p class="loading">{t.loading}</p>
      </>
    );
  }
  if (thread) {
    return <ThreadView key={`${thread} ${message}`} id={thread} message={message} channel={shown} openList={openList} />;
  }
  return (
    <>
      <ChannelHeader channel={shown} openList={openList} />
      <Threads channel={shown} />
    </>
  );
}

function ChannelHeader({ channel, openList }: { channel: Channel; openList: ComponentChildren }) {
  usePageTitle(channel.name);
  const { id, name, isPrivate, role, memberCount } = channel;
  return (
    <header>
      {openList}
      <h2 dir="auto">
        {isPrivate && <Lock />} {name}
        {isPrivate && <span class="visually-hidden"> ({t.team.isPrivate})</span>}
      </h2>
      <button type="button" class="quiet" onClick={() => (teamDialog.value = { kind: 'members', channel })}>
        {t.team.memberCount(memberCount)}
      </button>
      {role && (
        <button
          type="button"
          class="icon-button"
          aria-label={t.team.settings}
          title={t.team.settings}
          onClick={() => (teamDialog.value = { kind: 'settings', channel })}
        >
          <Gear />
        </button>
      )}
      {!role && (
        <button type="button" class="strong" onClick={() => joinChannel(id)}>
          {t.team.join}
        </button>
      )}
    </header>
  );
}

function Threads({ channel }: { channel: Channel }) {
  return (
    <div class="scroller">
      <section class="team-page" aria-labelledby="threads">
        {channel.description && <p dir="auto">{channel.description}</p>}
        {!channel.role && <p class="faint">{t.team.joinToRead}</p>}
        <h3 id="threads">{t.team.threads}</h3>
        {channel.role && <NewThread channel={channel} />}
        {threads.value.length === 0 && <p class="faint">{t.team.noThreads}</p>}
        <ul class="threads">
          {threads.value.map((thread) => (
            <ThreadItem key={thread.id} thread={thread} />
          ))}
        </ul>
        {moreThreads.value && (
          <p class="buttons">
            <button type="button" onClick={() => attempt(loadMoreThreads)}>
              {t.team.moreThreads}
            </button>
          </p>
        )}
      </section>
    </div>
  );
}

function ThreadItem({ thread }: { thread: Thread }) {
  const address = addressOfTeam(thread.channelId, thread.id);
  return (
    <li>
      <a href={address} onClick={onPlainClick(() => goTo(address))}>
        <span class="name" dir="auto">
          {thread.name}
        </span>
        <span class="when">
          {thread.isArchived && <span class="badge">{t.team.archived}</span>}
          {thread.unreadCount > 0 && <span class="unread">{t.team.unread(thread.unreadCount)}</span>}
          {thread.lastMessageAt && (
            <time dateTime={thread.lastMessageAt}>{formatTime(Date.parse(thread.lastMessageAt))}</time>
          )}
        </span>
      </a>
    </li>
  );
}

function NewThread({ channel }: { channel: Channel }) {
  const name = useSignal('');
  const create = () =>
    attempt(async () => {
      const thread = await goldfish.threads.create({ channelId: channel.id, name: name.value.trim() });
      name.value = '';
      goTo(addressOfTeam(channel.id, thread.id));
    });
  return (
    <form
      class="inline-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (name.value.trim()) void create();
      }}
    >
      <input
        type="text"
        dir="auto"
        maxLength={100}
        aria-label={t.team.newThread}
        placeholder={t.team.newThread}
        value={name.value}
        onInput={(event) => (name.value = event.currentTarget.value)}
      />
      <button type="submit" disabled={!name.value.trim()}>
        {t.team.createThread}
      </button>
    </form>
  );
}
