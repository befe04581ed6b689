// A block of code with syntax highlighting and a button to copy it.

import bash from 'highlight.js/lib/languages/bash';
import c from 'highlight.js/lib/languages/c';
import cpp from 'highlight.js/lib/languages/cpp';
import csharp from 'highlight.js/lib/languages/csharp';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import go from 'highlight.js/lib/languages/go';
import ini from 'highlight.js/lib/languages/ini';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import markdown from 'highlight.js/lib/languages/markdown';
import php from 'highlight.js/lib/languages/php';
import python from 'highlight.js/lib/languages/python';
import ruby from 'highlight.js/lib/languages/ruby';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';
import { createLowlight } from 'lowlight';
import type { ComponentChildren } from 'preact';
import { CopyButton } from './copy';
import { t } from './texts';

/** Longer code is not highlighted: that would block the page. */
const MAX_LENGTH = 30_000;
/** The same while the code grows and is highlighted again and again. */
const MAX_GROWING = 4000;

const highlighter = createLowlight({
  bash,
  c,
  cpp,
  csharp,
  css,
  diff,
  go,
  ini,
  java,
  javascript,
  json,
  markdown,
  php,
  python,
  ruby,
  rust,
  sql,
  typescript,
  xml,
  yaml,
});

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
  if (!highlighter.registered(name)) return text;
  return elements(highlighter.highlight(name, text).children);
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
