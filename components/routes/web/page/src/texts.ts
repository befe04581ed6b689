// The texts of the page in the user's language: chosen in the settings, otherwise by the browser.

import { loadItem, saveItem } from './storage';
import en from './texts/en';

export type Texts = typeof en;
export type Language = 'en' | 'es' | 'de';

export const LANGUAGES: Record<Language, string> = { en: 'English', es: 'Español', de: 'Deutsch' };
const CHOICE = 'goldfish-language';

/** The texts. They are set once, before the page is rendered. */
export let t: Texts = en;
export let language: Language = 'en';

/** Loads the texts of the user's language. If they cannot be loaded, the page is in English. */
export async function loadTexts(): Promise<void> {
  language = chosenLanguage();
  document.documentElement.lang = language;
  try {
    if (language === 'es') t = (await import('./texts/es')).default;
    if (language === 'de') t = (await import('./texts/de')).default;
  } catch {
    language = 'en';
    document.documentElement.lang = 'en';
  }
}

function chosenLanguage(): Language {
  const wanted = [loadItem(localStorage, CHOICE) ?? '', ...navigator.languages];
  const known = wanted.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in LANGUAGES);
  return (known ?? 'en') as Language;
}

/** Shows the page in another language. What is typed is kept as a draft. */
export function setLanguage(value: Language): void {
  saveItem(localStorage, CHOICE, value);
  location.reload();
}

export function formatNumber(value: number, options?: Intl.NumberFormatOptions): string {
  return new Intl.NumberFormat(locale(), options).format(value);
}

/** The language with the region of the browser, which has its own forms of numbers and dates. */
function locale(): string {
  return navigator.languages.find((tag) => tag.toLowerCase().startsWith(language)) ?? language;
}

/** The time today, otherwise the date. */
export function formatTime(milliseconds: number): string {
  const date = new Date(milliseconds);
  const isToday = date.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(locale(), isToday ? { timeStyle: 'short' } : { dateStyle: 'medium' }).format(date);
}

/** Date and time. */
export function formatDate(milliseconds: number): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: 'short' }).format(milliseconds);
}
