// The Markdown of a reply as elements. A reply is never inserted as HTML: HTML in it is shown as text,
// images from elsewhere become links, and links lead only to the web or to email addresses.

import type { Token, Tokens } from 'marked';
import type { ComponentChildren, VNode } from 'preact';
import { memo } from 'preact/compat';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { decoded } from './character-references';
import { Code } from './code';
import { type ElementToken, type FootnoteToken, type MathToken, parse } from './grammar';
import { GrowingText } from './growing';
import { MathView } from './math';
import { imageSource } from './reply-image';
import { t } from './texts';

/** Longer replies are shown as plain text: parsing them would block the page. */
const MAX_LENGTH = 200_000;

interface MarkdownProps {
  text: string;
  /** More text will follow: only what is new is parsed. */
  isGrowing?: boolean;
}

export function Markdown({ text, isGrowing = false }: MarkdownProps) {
  const growing = useRef<GrowingText | null>(null);
  if (text.length > MAX_LENGTH) {
    return (
      <p class="plain" dir="auto">
        {text}
      </p>
    );
  }
  if (isGrowing) growing.current ??= new GrowingText();
  const tokens = isGrowing ? (growing.current?.blocks(text) ?? []) : parse(text);
  const levels = headingLevels(tokens);
  return (
    <>
      {tokens.map((token, index) => (
        <Block
          key={index}
          token={token}
          level={levels[index] ?? 0}
          isGrowing={isGrowing && index === tokens.length - 1}
        />
      ))}
    </>
  );
}

/** The page itself uses the first three levels, the third for messages. The levels of a reply leave no gaps. */
function headingLevels(tokens: Token[]): number[] {
  const depths = tokens.filter((token) => token.type === 'heading').map((token) => (token as Tokens.Heading).depth);
  const least = Math.min(...depths);
  let previous = 3;
  return tokens.map((token) => {
    if (token.type !== 'heading') return 0;
    previous = Math.min((token as Tokens.Heading).depth - least + 4, previous + 1, 6);
    return previous;
  });
}

interface BlockProps {
  token: Token;
  /** The level of a heading. */
  level: number;
  isGrowing: boolean;
}

/** While a reply grows, only its last block is rendered again. */
const Block = memo(
  ({ token, level, isGrowing }: BlockProps) => {
    if (token.type === 'heading') return heading(token as Tokens.Heading, `h${level}` as 'h4');
    return token.type === 'code' ? code(token as Tokens.Code, isGrowing) : block(token);
  },
  (before, after) =>
    before.level === after.level &&
    before.token.type === after.token.type &&
    before.token.raw === after.token.raw &&
    before.isGrowing === after.isGrowing,
);

function heading({ depth, tokens }: Tokens.Heading, Element: 'h4' | 'p'): VNode {
  return (
    <Element class={`heading h${depth}`} dir="auto">
      {inlines(tokens)}
    </Element>
  );
}

function code({ text, lang }: Tokens.Code, isGrowing = false): VNode {
  return <Code text={text} language={(lang ?? '').split(/\s/)[0]} isGrowing={isGrowing} />;
}

function block(token: Token): ComponentChildren {
  switch (token.type) {
    case 'paragraph':
      return <p dir="auto">{inlines(token.tokens)}</p>;
    case 'heading':
      // In a quotation or a list it is no heading of the reply.
      return heading(token as Tokens.Heading, 'p');
    case 'code':
      return code(token as Tokens.Code);
    case 'blockquote':
      return <blockquote dir="auto">{blocks(token.tokens)}</blockquote>;
    case 'list':
      return list(token as Tokens.List);
    case 'table':
      return table(token as Tokens.Table);
    case 'hr':
      return <hr />;
    case 'html':
      return (
        <p class="plain" dir="auto">
          {token.text.trim()}
        </p>
      );
    case 'math':
      return <p dir="auto">{inline(token)}</p>;
    case 'reasoning':
      return <Reasoning text={(token as { text?: string }).text} />;
    case 'footnote':
      return footnote(token as FootnoteToken);
    case 'text':
      return token.tokens ? inlines(token.tokens) : decoded(token.text);
    case 'checkbox':
      return <input type="checkbox" checked={token.checked} disabled aria-label={token.checked ? t.done : t.toDo} />;
    case 'space':
    case 'def':
      return null;
    default:
      return inline(token);
  }
}

/** What a model thought before it replied, folded. */
export function Reasoning({ text }: { text?: string | undefined }): VNode | null {
  if (!text) return null;
  return (
    <details class="reasoning">
      <summary>{t.reasoning}</summary>
      <p class="plain" dir="auto">
        {text}
      </p>
    </details>
  );
}

function blocks(tokens: Token[] = []): ComponentChildren {
  return tokens.map(block);
}

function list({ ordered, start, items }: Tokens.List): VNode {
  const entries = items.map((item) => (
    <li class={item.task ? 'task' : undefined} dir="auto">
      {blocks(item.tokens)}
    </li>
  ));
  return ordered ? (
    <ol start={Number(start) || 1} dir="auto">
      {entries}
    </ol>
  ) : (
    <ul dir="auto">{entries}</ul>
  );
}

function table({ header, rows }: Tokens.Table): VNode {
  const align = ({ align }: Tokens.TableCell) => (align ? `to-${align}` : undefined);
  return (
    // A wide table can be scrolled, also by keyboard.
    <div class="table" role="region" aria-label={t.table} tabIndex={0}>
      <table dir="auto">
        <thead>
          <tr>
            {header.map((cell) => (
              <th scope="col" class={align(cell)} dir="auto">
                {inlines(cell.tokens)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr>
              {row.map((cell) => (
                <td class={align(cell)} dir="auto">
                  {inlines(cell.tokens)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function inlines(tokens: Token[] = []): ComponentChildren {
  return tokens.map(inline);
}

function inline(token: Token): ComponentChildren {
  switch (token.type) {
    case 'text':
      return token.tokens ? inlines(token.tokens) : decoded(token.text);
    case 'strong':
      return <strong>{inlines(token.tokens)}</strong>;
    case 'em':
      return <em>{inlines(token.tokens)}</em>;
    case 'del':
      return <del>{inlines(token.tokens)}</del>;
    case 'codespan':
      return <code>{token.text}</code>;
    case 'br':
      return <br />;
    case 'link':
      return link(token.href, inlines(token.tokens));
    case 'image':
      return <ReplyImage address={decoded(token.href)} text={decoded(token.text)} />;
    case 'html':
      return /^<br\s*\/?>$/i.test(token.text) ? <br /> : token.text;
    case 'checkbox':
      return block(token);
    case 'math': {
      const { text, raw, isDisplay } = token as MathToken;
      return <MathView source={text} raw={raw.trim()} isDisplay={isDisplay} />;
    }
    case 'element': {
      const Element = (token as ElementToken).name;
      return <Element>{inlines(token.tokens)}</Element>;
    }
    case 'footnote-reference':
      return footnoteReference(token as FootnoteToken);
    default:
      return 'text' in token ? token.text : token.raw;
  }
}

/** Moves the view to the other end of a footnote of the same reply. */
function goTo(target: string) {
  return ({ currentTarget }: { currentTarget: Element }) => {
    const element = currentTarget.closest('.reply-text')?.querySelector<HTMLElement>(target);
    element?.scrollIntoView({ block: 'center' });
    element?.focus({ preventScroll: true });
  };
}

function footnoteReference({ label }: FootnoteToken): VNode {
  return (
    <sup>
      <button
        type="button"
        class="quiet footnote-reference"
        data-reference={label}
        aria-label={t.footnote(label)}
        onClick={goTo(`[data-footnote="${CSS.escape(label)}"]`)}
      >
        {label}
      </button>
    </sup>
  );
}

function footnote({ label, tokens }: FootnoteToken): VNode {
  return (
    <p class="footnote" dir="auto" data-footnote={label} tabIndex={-1}>
      <sup>{label}</sup> {inlines(tokens)}{' '}
      <button
        type="button"
        class="quiet"
        aria-label={t.backToText}
        onClick={goTo(`[data-reference="${CSS.escape(label)}"]`)}
      >
        ↩
      </button>
    </p>
  );
}

/** An image of this server or in the reply itself; one from elsewhere is a link, for it would tell its server who reads. */
function ReplyImage({ address, text }: { address: string; text: string }) {
  const source = useMemo(() => imageSource(address), [address]);
  useEffect(() => () => source?.release(), [source]);
  // The content of an image is no text.
  const name = text || (address.startsWith('data:') ? '' : address);
  if (!source) return <>{link(address, t.image(name))}</>;
  return (
    <a href={source.url} target="_blank" rel="noopener noreferrer">
      <img src={source.url} alt={name} loading="lazy" />
    </a>
  );
}

/** An external link, or only its text if the target is not allowed. */
function link(href: string, children: ComponentChildren): ComponentChildren {
  const url = allowedUrl(decoded(href));
  if (!url) return <span>{children}</span>;
  return (
    <a href={url} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}

function allowedUrl(href: string): string | null {
  // Relative URLs are not allowed: a reply must not link into this site.
  const url = URL.parse?.(href) ?? parseUrl(href);
  return url && ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url.href : null;
}

function parseUrl(href: string): URL | null {
  try {
    return new URL(href);
  } catch {
    return null;
  }
}
