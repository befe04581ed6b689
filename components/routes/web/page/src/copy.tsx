// A button that copies a text.

import { useState } from 'preact/hooks';
import { announce } from './announce';

export function CopyButton({ text, what }: { text: string; what: string }) {
  const [isDone, setDone] = useState(false);
  // Browsers have a clipboard only on https and on localhost.
  if (!navigator.clipboard) return null;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      announce('The browser did not allow copying.');
      return;
    }
    announce('Copied.');
    setDone(true);
    setTimeout(() => setDone(false), 2000);
  };
  return (
    <button type="button" class="quiet" aria-label={`Copy ${what}`} onClick={copy}>
      {isDone ? 'Copied' : 'Copy'}
    </button>
  );
}
