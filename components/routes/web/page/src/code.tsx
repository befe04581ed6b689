// A block of code with syntax highlighting and a button to copy it.

import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { CopyButton } from './copy';
import { t } from './texts';

/** Longer code is not highlighted: that would block the page. */
const MAX_LENGTH = 30_000;
/** The same while the code grows and is highlighted again and again. */
const MAX_GROWING = 4000;

type Highlighter = (typeof import('./highlighter'))['default'];

/** Null until it is loaded. Without it, code has one colour. */
const highlighter = signal<Highlighter | null>(null);
let isLoading = false;

async function loadHighlighter(): Promise<void> {
  if (isLoading) return;
  isLoading = true;
  try {
    highlighter.value = (await import('./highlighter')).default;
  } catch {
    // A later block of code tries again.
    isLoading = false;
  }
}

interface CodeProps {
  text: string;
  language: string | undefined;
  isGrowing: boolean;
}

export function Code({ text, language = '', isGrowing }: CodeProps) {
  const isShort = text.length <= (isGrowing ? MAX_GROWING : MAX_LENGTH);
  return (
    <figure class="code">
      <figcaption>
        <span>{language || 'text'}</span>
        <CopyButton text={text} what="code" />
      </figcaption>
      <pre tabIndex={0} aria-label={language ? t.codeIn(language) : t.code} dir="ltr">
        <code>{isShort ? highlight(text, language) : text}</code>
      </pre>
    </figure>
  );
}

function highlight(text: string, language: string): ComponentChildren {
  const name = language.toLowerCase();
  if (!highlighter.value) void loadHighlighter();
  if (!highlighter.value?.registered(name)) return text;
  return elements(highlighter.value.highlight(name, text).children);
}

/** The fields of a syntax tree's node that the highlighter sets. */
interface Node {
  type: string;
  value?: string;
  properties?: { className?: unknown };
  children?: Node[];
}

function elements(nodes: unknown[]): ComponentChildren {
  return (nodes as Node[]).map((node) => {
    if (node.type === 'text') return node.value;
    const names = node.properties?.className;
    return <span class={Array.isArray(names) ? names.join(' ') : undefined}>{elements(node.children ?? [])}</span>;
  });
}
