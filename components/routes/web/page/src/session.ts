// The signed-in user. The credential is a cookie that scripts cannot read.

import { computed, signal } from '@preact/signals';
import { type ApiError, type Model, type Preferences, requestJson, type User } from './api';
import { loadItem, saveItem } from './storage';
import { notifyTabs } from './tabs';
import { applyAccountTheme } from './theme';

/** Undefined until it is known; null if nobody is signed in. */
export const user = signal<User | null | undefined>(undefined);
export const isSignedIn = computed(() => Boolean(user.value));
/** The session has ended without a sign-out. */
export const isSessionExpired = signal(false);

/** The user has signed out: nothing of them may stay on the page. */
export const isSignedOut = signal(false);

export const models = signal<Model[]>([]);
export const defaultModel = signal<string | null>(null);
export const systemPrompt = signal('');
const TEMPERATURE = 'goldfish-temperature';
/** The temperature of replies, kept in this browser; null for the default of the model. */
export const temperature = signal(loadTemperature());

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

let ensuring: Promise<void> | null = null;

/** Signs in as a guest unless a user is signed in; once, also if several files and a message ask for it. */
export function ensureUser(): Promise<void> {
  const ensure = async () => {
    // The session may have failed to load before.
    if (!user.value) await loadSession();
    if (!user.value) await continueAsGuest();
  };
  ensuring ??= ensure().finally(() => {
    ensuring = null;
  });
  return ensuring;
}

export async function signIn(email: string, password: string): Promise<void> {
  const body = { email, password };
  const { user: known } = await requestJson<Session>('POST', '/api/auth/sign-in/email', { body });
  await setUser(known);
  notifyTabs('session');
}

/** False if the email address must be confirmed first. */
export async function register(email: string, password: string): Promise<boolean> {
  const body = { email, password, name: email.split('@')[0], callbackURL: '/' };
  const path = '/api/auth/sign-up/email';
  const { token, user: registered } = await requestJson<Session & { token: string | null }>('POST', path, { body });
  if (!token) return false;
  await setUser(registered);
  notifyTabs('session');
  return true;
}

export async function signOut(): Promise<void> {
  // From now on nothing is requested for the user.
  isSignedOut.value = true;
  try {
    await requestJson('POST', '/api/auth/sign-out', { body: {} });
  } catch (thrown) {
    isSignedOut.value = false;
    throw thrown;
  }
  await forgetUser();
}

/** After a sign-out, also of all sessions, and after the account was deleted. */
export async function forgetUser(): Promise<void> {
  isSignedOut.value = true;
  await setUser(null);
  isSignedOut.value = false;
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
    systemPrompt.value = preferences.systemPrompt ?? '';
    applyAccountTheme(preferences.theme);
  } else {
    models.value = [];
    defaultModel.value = null;
    systemPrompt.value = '';
    setTemperature(null);
  }
  user.value = current;
}

/** Sets the model for new conversations, on this page and in the preferences. */
export function setDefaultModel(id: string): void {
  defaultModel.value = id;
  requestJson('PUT', '/api/preferences', { body: { defaultModel: id } }).catch(() => undefined);
}

export async function setSystemPrompt(text: string): Promise<void> {
  await requestJson('PUT', '/api/preferences', { body: { systemPrompt: text } });
  systemPrompt.value = text;
}

export function setTemperature(value: number | null): void {
  temperature.value = value;
  saveItem(localStorage, TEMPERATURE, value === null ? null : String(value));
}

function loadTemperature(): number | null {
  const text = loadItem(localStorage, TEMPERATURE);
  const value = Number(text);
  return text !== null && value >= 0 && value <= 2 ? value : null;
}

export type SocialProvider = 'github' | 'google';

export interface SignInOptions {
  providers: SocialProvider[];
  /** Whether the server can send a link to choose a new password. */
  sendsEmail: boolean;
}

export const PROVIDER_NAMES: Record<SocialProvider, string> = { github: 'GitHub', google: 'Google' };

/** Leaves the page, to sign in elsewhere or to link an account there. The user comes back to the current address. */
export async function leaveTo(path: string, provider: SocialProvider): Promise<void> {
  const body = { provider, callbackURL: location.pathname, errorCallbackURL: location.pathname };
  const { url } = await requestJson<{ url: string }>('POST', path, { body });
  location.assign(url);
}

/** Asks for an email with a link to choose a new password. */
export async function requestReset(email: string): Promise<void> {
  await requestJson('POST', '/api/auth/request-password-reset', { body: { email, redirectTo: '/new-password' } });
}
