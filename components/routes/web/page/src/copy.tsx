// A button that copies a text.

import { useState } from 'preact/hooks';
import { announce } from './announce';
import { t } from './texts';

export function CopyButton({ text, what }: { text: string; what: keyof typeof t.copyWhat }) {
  const [isDone, setDone] = useState(false);
  // Browsers have a clipboard only on https and on localhost.
  if (!navigator.clipboard) return null;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      announce(t.copyRefused);
      return;
    }
    announce(t.copied);
    setDone(true);
    setTimeout(() => setDone(false), 2000);
  };
  return (
    <button type="button" class="quiet" aria-label={t.copyWhat[what]} onClick={copy}>
      {isDone ? t.copied : t.copy}
    </button>
  );
}
