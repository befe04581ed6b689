// The channel that a link with an invitation leads to.

import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { addressOfTeam, replaceWith } from '../place';
import { t } from '../texts';
import { loadJoined } from './channels';
import { attempt, type Channel, goldfish } from './client';
import { usePageTitle } from './page-title';

export function InvitationView({ token, openList }: { token: string; openList: ComponentChildren }) {
  const channel = useSignal<Channel | null>(null);
  const isBad = useSignal(false);
  usePageTitle(t.team.channels);
  useEffect(() => {
    goldfish.members.inspectInvitation(token).then(
      (found) => (channel.value = found),
      () => (isBad.value = true),
    );
  }, [token]);
  const accept = () =>
    attempt(async () => {
      const { channelId } = await goldfish.members.acceptInvitation(token);
      await loadJoined();
      // The token does not stay in the history.
      replaceWith(addressOfTeam(channelId));
    });
  return (
    <>
      <header>
        {openList}
        <h2 class="faint">{t.team.channels}</h2>
      </header>
      <div class="welcome">
        {isBad.value && <p role="alert">{t.team.badInvitation}</p>}
        {channel.value && (
          <>
            <p dir="auto">{t.team.invited(channel.value.name)}</p>
            {channel.value.description && <p dir="auto">{channel.value.description}</p>}
            <p class="buttons">
              <button type="button" class="strong" onClick={accept}>
                {t.team.join}
              </button>
            </p>
          </>
        )}
      </div>
    </>
  );
}
