// What models write beyond GitHub's Markdown: math, footnotes, and a few harmless HTML elements.

import { Marked, type TokenizerExtension, type Tokens } from 'marked';

export interface MathToken extends Tokens.Generic {
  type: 'math';
  text: string;
  /** On lines of its own. */
  isDisplay: boolean;
}

export interface FootnoteToken extends Tokens.Generic {
  type: 'footnote' | 'footnote-reference';
  label: string;
}

/** An element that HTML in a reply may name: its text is shown, its attributes are not. */
export interface ElementToken extends Tokens.Generic {
  type: 'element';
  name: 'sub' | 'sup' | 'kbd' | 'mark';
}

/** The position of a match in the paragraph at the beginning of `source`; searching further would take quadratic time. */
function positionIn(source: string, pattern: RegExp): number | undefined {
  const end = source.indexOf('\n\n');
  const position = (end < 0 ? source : source.slice(0, end)).search(pattern);
  return position < 0 ? undefined : position;
}

const DISPLAY = [/^\$\$([\s\S]+?)\$\$/, /^\\\[([\s\S]+?)\\\]/];
/** `$…$` without white space inside its ends, and not before a digit: prices are no math. */
const INLINE = [/^\\\(([\s\S]+?)\\\)/, /^\$(?![\s$])((?:\\[\s\S]|[^$\\\n])*?)(?<![\s\\])\$(?![\d$])/];
const PRICE = /^[\d.,]+(?:\s+\p{L}{2,}|[-–—/]$)/u;

function math(source: string, patterns: RegExp[], isDisplay: boolean): MathToken | undefined {
  for (const pattern of patterns) {
    const [raw, text = ''] = pattern.exec(source) ?? [];
    if (raw && text.trim() && !PRICE.test(text)) return { type: 'math', raw, text: text.trim(), isDisplay };
  }
  return undefined;
}

const mathBlock: TokenizerExtension = {
  name: 'math-block',
  level: 'block',
  start: (source) => positionIn(source, /(?<=\n)(?:\$\$|\\\[)/),
  tokenizer(source) {
    const token = math(source, DISPLAY, true);
    const after = /^[ \t]*(?:\n+|$)/.exec(source.slice(token?.raw.length));
    // With text after it, it is part of a paragraph.
    return token && after ? { ...token, raw: token.raw + after[0] } : undefined;
  },
};

const mathInline: TokenizerExtension = {
  name: 'math-inline',
  level: 'inline',
  start: (source) => positionIn(source, /\$|\\[([]/),
  tokenizer: (source) => math(source, DISPLAY, true) ?? math(source, INLINE, false),
};

const footnote: TokenizerExtension = {
  name: 'footnote',
  level: 'block',
  start: (source) => positionIn(source, /(?<=\n)\[\^/),
  tokenizer(source) {
    const match = /^\[\^([^\]\s]{1,40})\]:[ \t]+([^\n]+(?:\n(?!\[\^|\s*\n)[^\n]+)*)(?:\n+|$)/.exec(source);
    if (!match) return undefined;
    const [raw, label, text = ''] = match;
    return { type: 'footnote', raw, label, tokens: this.lexer.inlineTokens(text) };
  },
};

const footnoteReference: TokenizerExtension = {
  name: 'footnote-reference',
  level: 'inline',
  start: (source) => positionIn(source, /\[\^/),
  tokenizer(source) {
    const [raw, label] = /^\[\^([^\]\s]{1,40})\](?!:)/.exec(source) ?? [];
    return raw ? { type: 'footnote-reference', raw, label } : undefined;
  },
};

const element: TokenizerExtension = {
  name: 'element',
  level: 'inline',
  start: (source) => positionIn(source, /<(?:sub|sup|kbd|mark)>/i),
  tokenizer(source) {
    const [raw, name = '', text = ''] = /^<(sub|sup|kbd|mark)>([^<\n]*)<\/\1>/i.exec(source) ?? [];
    if (!raw) return undefined;
    return { type: 'element', raw, name: name.toLowerCase(), tokens: this.lexer.inlineTokens(text) };
  },
};

/** Some models write their reasoning before the answer, between these tags. It is shown as plain text. */
const reasoning: TokenizerExtension = {
  name: 'reasoning',
  level: 'block',
  start: (source) => positionIn(source, /(?<=\n)<think>/),
  tokenizer(source) {
    const [raw, text = ''] = /^<think>([\s\S]*?)(?:<\/think>\s*|$)/.exec(source) ?? [];
    return raw === undefined ? undefined : { type: 'reasoning', raw, text: text.trim() };
  },
};

const marked = new Marked({ extensions: [reasoning, mathBlock, mathInline, footnote, footnoteReference, element] });

export function parse(text: string) {
  return marked.lexer(text);
}
