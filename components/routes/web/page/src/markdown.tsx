// The Markdown of a reply as elements. A reply is never inserted as HTML: HTML in it is shown as text,
// images become links, and links lead only to the web or to email addresses.

import { lexer, type Token, type Tokens } from 'marked';
import type { ComponentChildren, VNode } from 'preact';
import { memo } from 'preact/compat';
import { Code } from './code';

/** Longer replies are shown as plain text: parsing them would block the page. */
const MAX_LENGTH = 200_000;

export function Markdown({ text }: { text: string }) {
  if (text.length > MAX_LENGTH) return <p class="plain">{text}</p>;
  return (
    <>
      {lexer(text).map((token, index) => (
        <Block key={index} token={token} />
      ))}
    </>
  );
}

/** While a reply grows, only its last block is rendered again. */
const Block = memo(
  ({ token }: { token: Token }) => block(token),
  (before, after) => before.token.type === after.token.type && before.token.raw === after.token.raw,
);

function block(token: Token): ComponentChildren {
  switch (token.type) {
    case 'paragraph':
      return <p>{inlines(token.tokens)}</p>;
    case 'heading': {
      // The page itself uses the first two levels.
      const depth = Math.min((token as Tokens.Heading).depth + 2, 6);
      const Heading = `h${depth}` as 'h3';
      return <Heading class={`h${token.depth}`}>{inlines(token.tokens)}</Heading>;
    }
    case 'code':
      return <Code text={token.text} language={(token.lang ?? '').split(/\s/)[0]} />;
    case 'blockquote':
      return <blockquote>{blocks(token.tokens)}</blockquote>;
    case 'list':
      return list(token as Tokens.List);
    case 'table':
      return table(token as Tokens.Table);
    case 'hr':
      return <hr />;
    case 'html':
      return <p class="plain">{token.text.trim()}</p>;
    case 'text':
      return token.tokens ? inlines(token.tokens) : decoded(token.text);
    case 'checkbox':
      return <input type="checkbox" checked={token.checked} disabled aria-label={token.checked ? 'done' : 'to do'} />;
    case 'space':
    case 'def':
      return null;
    default:
      return inline(token);
  }
}

function blocks(tokens: Token[] = []): ComponentChildren {
  return tokens.map(block);
}

function list({ ordered, start, items }: Tokens.List): VNode {
  const entries = items.map((item) => (
    <li class={item.task ? 'task' : undefined}>{blocks(item.tokens)}</li>
  ));
  return ordered ? <ol start={Number(start) || 1}>{entries}</ol> : <ul>{entries}</ul>;
}

function table({ header, rows }: Tokens.Table): VNode {
  const align = ({ align }: Tokens.TableCell) => (align ? `to-${align}` : undefined);
  return (
    // A wide table can be scrolled, also by keyboard.
    <div class="table" role="region" aria-label="Table" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {header.map((cell) => (
              <th scope="col" class={align(cell)}>
                {inlines(cell.tokens)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr>
              {row.map((cell) => (
                <td class={align(cell)}>{inlines(cell.tokens)}</td>
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
      return link(token.href, `image: ${decoded(token.text) || token.href}`);
    case 'html':
      return /^<br\s*\/?>$/i.test(token.text) ? <br /> : token.text;
    case 'checkbox':
      return block(token);
    default:
      return 'text' in token ? token.text : token.raw;
  }
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

const NAMED: Record<string, string> = {
  amp: '&',
  apos: "'",
  copy: '©',
  deg: '°',
  ge: '≥',
  gt: '>',
  hellip: '…',
  larr: '←',
  le: '≤',
  lt: '<',
  mdash: '—',
  minus: '−',
  nbsp: '\u00a0',
  ndash: '–',
  ne: '≠',
  quot: '"',
  rarr: '→',
  times: '×',
};

/** Replaces the character references that models use; others are shown as they are. */
function decoded(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]{2,6}));/gi, (whole, hex, decimal, name) => {
    if (name) return NAMED[name] ?? whole;
    const code = hex ? Number.parseInt(hex, 16) : Number(decimal);
    return code > 0 && code <= 0x10_ff_ff ? String.fromCodePoint(code) : '\ufffd';
  });
}
