// Loads the channels when they are opened for the first time.

import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { networkError } from './api';
import { t } from './texts';

type Team = typeof import('./team/team');

const team = signal<Team | null>(null);
const error = signal<string | null>(null);

async function load(): Promise<void> {
  error.value = null;
  try {
    team.value = await import('./team/team');
  } catch {
    error.value = networkError().message;
  }
}

function loaded(): Team | null {
  if (!team.value && !error.peek()) void load();
  return team.value;
}

export function TeamSidebar({ close }: { close: () => void }) {
  const parts = loaded();
  return parts && <parts.TeamSidebar close={close} />;
}

export function TeamView({ openList }: { openList: ComponentChildren }) {
  const parts = loaded();
  if (parts) return <parts.TeamView openList={openList} />;
  return (
    <>
      <header>{openList}</header>
      {error.value ? (
        <div class="problem">
          <p role="alert">{error.value}</p>
          <p class="buttons">
            <button type="button" onClick={load}>
              {t.retry}
            </button>
          </p>
        </div>
      ) : (
        <p class="loading">{t.loading}</p>
      )}
    </>
  );
}
