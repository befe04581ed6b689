// Parses a text that grows, in time that depends on what is new.

import type { Token } from 'marked';
import { parse } from './grammar';

/** The blocks of a growing text. Blocks before the last one can no longer change, so only the last is parsed again. */
export class GrowingText {
  #text = '';
  #finished: Token[] = [];
  /** Where the last block begins. */
  #start = 0;

  blocks(text: string): Token[] {
    if (!text.startsWith(this.#text.slice(-1000), Math.max(0, this.#text.length - 1000))) {
      this.#finished = [];
      this.#start = 0;
    }
    this.#text = text;
    // The parser does the same, and positions are counted in its output.
    const rest = parse(text.slice(this.#start).replace(/\r\n?/g, '\n'));
    const last = rest.findLastIndex((token) => token.type !== 'space');
    const finished = text.includes('\r') ? [] : rest.slice(0, Math.max(0, last));
    const blocks = [...this.#finished, ...rest];
    this.#start += finished.reduce((length, token) => length + token.raw.length, 0);
    this.#finished.push(...finished);
    return blocks;
  }
}
