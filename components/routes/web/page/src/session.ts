// The signed-in user. The credential is a cookie that scripts cannot read.

import { computed, signal } from '@preact/signals';
import { type ApiError, type Model, type Preferences, requestJson, type User } from './api';
import { notifyTabs } from './tabs';
import { applyAccountTheme } from './theme';

/** Undefined until it is known; null if nobody is signed in. */
export const user = signal<User | null | undefined>(undefined);
export const isSignedIn = computed(() => Boolean(user.value));
/** The session has ended without a sign-out. */
export const isSessionExpired = signal(false);

export const models = signal<Model[]>([]);
export const defaultModel = signal<string | null>(null);

interface Session {
  user: User;
}

/** Loads the user of the current session, with models and preferences. */
export async function loadSession(): Promise<void> {
  const session = await requestJson<Session | null>('GET', '/api/auth/get-session');
  await setUser(session?.user ?? null);
}

export async function continueAsGuest(): Promise<void> {
  const { user: guest } = await requestJson<Session>('POST', '/api/auth/sign-in/anonymous', { body: {} });
  await setUser(guest);
  notifyTabs('session');
}

/** Signs in as a guest unless a user is signed in. */
export async function ensureUser(): Promise<void> {
  // The session may have failed to load before.
  if (!user.value) await loadSession();
  if (!user.value) await continueAsGuest();
}

export async function signIn(email: string, password: string): Promise<void> {
  const body = { email, password };
  const { user: known } = await requestJson<Session>('POST', '/api/auth/sign-in/email', { body });
  await setUser(known);
  notifyTabs('session');
}

/** False if the email address must be confirmed first. */
export async function register(email: string, password: string): Promise<boolean> {
  const body = { email, password, name: email.split('@')[0] };
  const path = '/api/auth/sign-up/email';
  const { token, user: registered } = await requestJson<Session & { token: string | null }>('POST', path, { body });
  if (!token) return false;
  await setUser(registered);
  notifyTabs('session');
  return true;
}

export async function signOut(): Promise<void> {
  await requestJson('POST', '/api/auth/sign-out', { body: {} });
  await setUser(null);
  notifyTabs('session');
}

/** Records that the session has expired, if that is the reason of the error. */
export function checkSession(error: ApiError): void {
  if (error.status === 401 && user.value) isSessionExpired.value = true;
}

async function setUser(current: User | null): Promise<void> {
  isSessionExpired.value = false;
  if (current) {
    const [list, preferences] = await Promise.all([
      requestJson<{ models: Model[] }>('GET', '/api/models'),
      requestJson<Preferences>('GET', '/api/preferences'),
    ]);
    models.value = list.models;
    defaultModel.value = preferences.defaultModel || null;
    applyAccountTheme(preferences.theme);
  } else {
    models.value = [];
    defaultModel.value = null;
  }
  user.value = current;
}

/** Sets the model for new conversations, on this page and in the preferences. */
export function setDefaultModel(id: string): void {
  defaultModel.value = id;
  requestJson('PUT', '/api/preferences', { body: { defaultModel: id } }).catch(() => undefined);
}
