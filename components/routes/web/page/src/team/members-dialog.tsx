// The members of a channel with their roles; for moderators and admins also bans and invitations.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { CopyButton } from '../copy';
import { Field, Modal, valueOf } from '../modal';
import { addressOfInvitation } from '../place';
import { user } from '../session';
import { formatDate, t } from '../texts';
import { loadChannel } from './channels';
import {
  attempt,
  type Channel,
  type ChannelBan,
  type ChannelMember,
  type ChannelRole,
  goldfish,
  type Invitation,
} from './client';
import { presenceOf, watchPresence } from './updates';

/** Members whose presence is shown as it changes; the server allows as many for one connection. */
const WATCHED = 100;
const ROLES: ChannelRole[] = ['member', 'moderator', 'admin'];

export function MembersDialog({ channel, close }: { channel: Channel; close: () => void }) {
  const isAdmin = channel.role === 'admin';
  return (
    <Modal title={t.team.members} close={close} isWide>
      <Members channel={channel} />
      {isAdmin && <Invitations channel={channel} />}
      {(isAdmin || channel.role === 'moderator') && <Bans channel={channel} />}
      <p class="buttons">
        <button type="button" onClick={close}>
          {t.close}
        </button>
      </p>
    </Modal>
  );
}

function Members({ channel }: { channel: Channel }) {
  const list = useSignal<ChannelMember[]>([]);
  const next = useSignal<string | undefined>(undefined);
  const load = async (cursor?: string) => {
    const page = await goldfish.members.list(channel.id, { limit: 50, cursor, presence: true });
    list.value = [...(cursor ? list.value : []), ...page.items];
    next.value = page.next;
  };
  useEffect(() => void attempt(load), []);
  const watched = list.value.slice(0, WATCHED).map(({ userId }) => userId);
  useEffect(() => (watched.length > 0 ? watchPresence(watched) : undefined), [watched.join(' ')]);
  const change = (action: () => Promise<unknown>) =>
    attempt(async () => {
      await action();
      await Promise.all([load(), loadChannel(channel.id)]);
    });
  return (
    <>
      <ul class="rows" aria-label={t.team.members}>
        {list.value.map((member) => (
          <Member key={member.userId} member={member} channel={channel} change={change} />
        ))}
      </ul>
      {next.value && (
        <p class="buttons">
          <button type="button" onClick={() => attempt(() => load(next.value))}>
            {t.team.moreMembers}
          </button>
        </p>
      )}
    </>
  );
}

interface MemberProps {
  member: ChannelMember;
  channel: Channel;
  change: (action: () => Promise<unknown>) => void;
}

function Member({ member, channel, change }: MemberProps) {
  const { userId, role, isOwner, user: shown } = member;
  const { name } = shown;
  const me = user.value?.id;
  const isAdmin = channel.role === 'admin';
  const rank = ROLES.indexOf(role);
  const isAbove = !isOwner && userId !== me && rank <= ROLES.indexOf(channel.role ?? 'member');
  const mayRemove = isAbove && (isAdmin || channel.role === 'moderator');
  return (
    <li>
      <span dir="auto">
        {name} {isOwner && <span class="badge">{t.team.owner}</span>} <PresenceLabel member={member} />
      </span>
      <span class="member-tools">
        {isAdmin && (isAbove || userId === me) ? (
          <select
            aria-label={t.team.roleOf(name)}
            value={role}
            onChange={({ currentTarget }) => {
              const wanted = currentTarget.value as ChannelRole;
              // Shown again when the server has changed it.
              currentTarget.value = role;
              change(() => goldfish.members.setRole(channel.id, userId, wanted));
            }}
          >
            {ROLES.map((one) => (
              <option key={one} value={one}>
                {t.team.roles[one]}
              </option>
            ))}
          </select>
        ) : (
          <span class="faint">{t.team.roles[role]}</span>
        )}
        {channel.ownerId === me && userId !== me && (
          <button
            type="button"
            class="quiet"
            onClick={() => change(() => goldfish.members.transfer(channel.id, userId))}
          >
            {t.team.makeOwner(name)}
          </button>
        )}
        {mayRemove && (
          <>
            <button type="button" class="quiet" onClick={() => change(() => goldfish.members.remove(channel.id, userId))}>
              {t.team.removeMember(name)}
            </button>
            <button type="button" class="quiet" onClick={() => change(() => goldfish.members.ban(channel.id, userId))}>
              {t.team.ban(name)}
            </button>
          </>
        )}
      </span>
    </li>
  );
}

/** Says in words whether a member is online; the dot only repeats it. */
function PresenceLabel({ member }: { member: ChannelMember }) {
  const state = presenceOf.value[member.userId] ?? member.presence?.state ?? 'offline';
  return (
    <span class={`presence ${state}`}>
      <span class="dot" aria-hidden="true" />
      {t.team.presence[state]}
    </span>
  );
}

function Bans({ channel }: { channel: Channel }) {
  const list = useSignal<ChannelBan[] | null>(null);
  const load = async () => {
    list.value = (await goldfish.members.bans(channel.id, { limit: 100 })).items;
  };
  const lift = (userId: string) =>
    attempt(async () => {
      await goldfish.members.unban(channel.id, userId);
      await load();
    });
  return (
    <details
      class="fold"
      onToggle={({ currentTarget }) => {
        if (currentTarget.open) void attempt(load);
      }}
    >
      <summary>{t.team.bans}</summary>
      {list.value?.length === 0 && <p class="faint">{t.team.noBans}</p>}
      <ul class="rows" aria-label={t.team.bans}>
        {list.value?.map(({ userId, reason, user: shown }) => (
          <li key={userId}>
            <span dir="auto">
              {shown.name} <span class="faint">{reason}</span>
            </span>
            <button type="button" class="quiet" onClick={() => lift(userId)}>
              {t.team.unban(shown.name)}
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Invitations({ channel }: { channel: Channel }) {
  const list = useSignal<Invitation[]>([]);
  const link = useSignal<string | null>(null);
  const load = async () => {
    list.value = (await goldfish.members.invitations(channel.id, { limit: 100 })).items;
  };
  const create = (form: HTMLFormElement) =>
    attempt(async () => {
      const maxUses = Number(valueOf(form, 'maxUses')) || null;
      const { token } = await goldfish.members.invite(channel.id, { maxUses });
      link.value = location.origin + addressOfInvitation(token);
      await load();
    });
  const revoke = (id: string) =>
    attempt(async () => {
      await goldfish.members.revokeInvitation(channel.id, id);
      await load();
    });
  return (
    <details
      class="fold"
      onToggle={({ currentTarget }) => {
        if (currentTarget.open) void attempt(load);
      }}
    >
      <summary>{t.team.invitations}</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void create(event.currentTarget);
        }}
      >
        <Field label={t.team.maxUses} name="maxUses" type="number" min={1} hint={t.unlimited} />
        <p class="buttons">
          <button type="submit">{t.team.invite}</button>
        </p>
      </form>
      {link.value && (
        <div role="status">
          <p>{t.team.inviteOnce}</p>
          <p class="command">
            <code>{link.value}</code>
            <CopyButton text={link.value} what="link" />
          </p>
        </div>
      )}
      <ul class="rows" aria-label={t.team.invitations}>
        {list.value.map(({ id, uses, maxUses, createdAt, expiresAt }) => (
          <li key={id}>
            <span>
              {formatDate(Date.parse(createdAt))}{' '}
              <span class="faint">
                {t.team.uses(uses, maxUses)}
                {expiresAt && `, ${t.team.expires(formatDate(Date.parse(expiresAt)))}`}
              </span>
            </span>
            <button type="button" class="quiet" onClick={() => revoke(id)}>
              {t.team.revokeInvitation}
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}
