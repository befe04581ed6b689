// What the main part of the page shows of the channels, by the address.

import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { notify } from '../announce';
import { openDialog } from '../dialog-state';
import { place } from '../place';
import { continueAsGuest, user } from '../session';
import { t } from '../texts';
import { ChannelView } from './channel-view';
import { clearTeam } from './channels';
import { Directory } from './directory';
import { InvitationView } from './invitation-view';
import { usePageTitle } from './page-title';
import { SearchResults, searchWords } from './search';
import { TeamDialogs } from './team-dialogs';

export function TeamView({ openList }: { openList: ComponentChildren }) {
  const id = user.value?.id;
  useEffect(
    () => () => {
      clearTeam();
      searchWords.value = '';
    },
    [id],
  );
  const current = place.value;
  if (!id) return <SignInFirst openList={openList} />;
  let content;
  if (searchWords.value.trim()) {
    content = (
      <>
        <header>
          {openList}
          <h2 class="faint">{t.team.channels}</h2>
        </header>
        <SearchResults />
      </>
    );
  } else if (current.view === 'invitation') {
    content = <InvitationView key={current.token} token={current.token} openList={openList} />;
  } else if (current.view === 'team' && current.channel) {
    const { channel, thread, message } = current;
    content = <ChannelView key={channel} id={channel} thread={thread} message={message} openList={openList} />;
  } else {
    content = <Directory openList={openList} />;
  }
  return (
    <>
      {content}
      <TeamDialogs />
    </>
  );
}

function SignInFirst({ openList }: { openList: ComponentChildren }) {
  usePageTitle(t.team.channels);
  return (
    <>
      <header>
        {openList}
        <h2 class="faint">{t.team.channels}</h2>
      </header>
      <div class="welcome">
        <p>{user.value === undefined ? t.loading : t.team.signIn}</p>
        {user.value === null && (
          <p class="buttons">
            <button
              type="button"
              class="strong"
              onClick={() => continueAsGuest().catch((error: Error) => notify(error.message))}
            >
              {t.continueAsGuest}
            </button>
            <button type="button" onClick={() => (openDialog.value = { kind: 'account' })}>
              {t.signInOrRegister}
            </button>
          </p>
        )}
      </div>
    </>
  );
}
