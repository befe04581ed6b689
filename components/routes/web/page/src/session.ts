// Who is here. The credential is a cookie that scripts cannot read.

import { computed, signal } from '@preact/signals';
import { askJson, type Failure, type Model, type Preferences, type User } from './api';
import { tellTabs } from './tabs';
import { adopt } from './theme';

/** Undefined until that is known, null for nobody. */
export const user = signal<User | null | undefined>(undefined);
export const isSignedIn = computed(() => Boolean(user.value));
/** The session has ended, and not because somebody wished it. */
export const hasExpired = signal(false);

export const models = signal<Model[]>([]);
export const defaultModel = signal<string | null>(null);

interface Current {
  user: User;
}

/** Asks who is here, and what they may use. */
export async function recognise(): Promise<void> {
  const current = await askJson<Current | null>('GET', '/api/auth/get-session');
  await arrive(current?.user ?? null);
}

export async function becomeGuest(): Promise<void> {
  const { user: guest } = await askJson<Current>('POST', '/api/auth/sign-in/anonymous', { body: {} });
  await arrive(guest);
  tellTabs('session');
}

/** Makes a guest of whoever is nobody, and not of whoever could only not be recognised before. */
export async function enter(): Promise<void> {
  if (!user.value) await recognise();
  if (!user.value) await becomeGuest();
}

export async function signIn(email: string, password: string): Promise<void> {
  const body = { email, password };
  const { user: known } = await askJson<Current>('POST', '/api/auth/sign-in/email', { body });
  await arrive(known);
  tellTabs('session');
}

/** False if the address has to be confirmed first. */
export async function register(email: string, password: string): Promise<boolean> {
  const body = { email, password, name: email.split('@')[0] };
  const path = '/api/auth/sign-up/email';
  const { token, user: registered } = await askJson<Current & { token: string | null }>('POST', path, { body });
  if (!token) return false;
  await arrive(registered);
  tellTabs('session');
  return true;
}

export async function signOut(): Promise<void> {
  await askJson('POST', '/api/auth/sign-out', { body: {} });
  await arrive(null);
  tellTabs('session');
}

/** Notes the end of the session if that is why something failed. */
export function mind(failure: Failure): void {
  if (failure.status === 401 && user.value) hasExpired.value = true;
}

async function arrive(somebody: User | null): Promise<void> {
  hasExpired.value = false;
  if (somebody) {
    const [list, preferences] = await Promise.all([
      askJson<{ models: Model[] }>('GET', '/api/models'),
      askJson<Preferences>('GET', '/api/preferences'),
    ]);
    models.value = list.models;
    defaultModel.value = preferences.defaultModel || null;
    adopt(preferences.theme);
  } else {
    models.value = [];
    defaultModel.value = null;
  }
  user.value = somebody;
}

/** Remembers the model for new conversations, here and with the account. */
export function preferModel(id: string): void {
  defaultModel.value = id;
  askJson('PUT', '/api/preferences', { body: { defaultModel: id } }).catch(() => undefined);
}
