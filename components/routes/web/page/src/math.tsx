// Math as MathML, by KaTeX, which is loaded with the first formula. Until then, and where a formula has an
// error, its source is shown.

import { useLayoutEffect, useRef } from 'preact/hooks';

type Katex = (typeof import('./katex'))['default'];

let katex: Promise<Katex> | undefined;

function loadKatex(): Promise<Katex> {
  katex ??= import('./katex').then((module) => module.default);
  // A later formula tries again.
  katex.catch(() => (katex = undefined));
  return katex;
}

interface MathProps {
  source: string;
  /** The source with its delimiters. */
  raw: string;
  isDisplay: boolean;
}

export function MathView({ source, raw, isDisplay }: MathProps) {
  const place = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    let isCurrent = true;
    element.textContent = raw;
    loadKatex()
      .then(({ render }) => {
        if (!isCurrent) return;
        const formula = document.createElement('span');
        // MathML needs neither fonts nor inline styles, which the page's policy forbids.
        render(source, formula, { displayMode: isDisplay, output: 'mathml', trust: false, maxExpand: 200, maxSize: 20 });
        element.replaceChildren(formula);
      })
      .catch(() => undefined);
    return () => {
      isCurrent = false;
    };
  }, [source, raw, isDisplay]);
  const names = isDisplay ? 'math display' : 'math';
  return isDisplay ? (
    <span class={names} tabIndex={0} role="group" aria-label={source}>
      <span ref={place} />
    </span>
  ) : (
    <span class={names}>
      <span ref={place} />
    </span>
  );
}
