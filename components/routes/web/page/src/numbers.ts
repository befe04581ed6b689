// Small numbers as words.

const WORDS = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

export function inWords(number: number): string {
  return WORDS[number] ?? String(number);
}
