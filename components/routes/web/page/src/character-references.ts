// Character references of HTML, such as `&eacute;`, which models write although a reply is not HTML.

const NAMED: Record<string, string> = {
  amp: '&', apos: "'", quot: '"', lt: '<', gt: '>', bull: '•', cent: '¢', euro: '€', hellip: '…', trade: '™',
  larr: '←', uarr: '↑', rarr: '→', darr: '↓', harr: '↔', rArr: '⇒', hArr: '⇔',
  ge: '≥', le: '≤', ne: '≠', asymp: '≈', equiv: '≡', infin: '∞', minus: '−', radic: '√', sum: '∑', prod: '∏', int: '∫',
  isin: '∈', notin: '∉', cap: '∩', cup: '∪', sub: '⊂', sup: '⊃', forall: '∀', exist: '∃', empty: '∅', nabla: '∇',
  part: '∂', prop: '∝', mdash: '—', ndash: '–', lsquo: '‘', rsquo: '’', sbquo: '‚', ldquo: '“', rdquo: '”', bdquo: '„',
  lsaquo: '‹', rsaquo: '›', OElig: 'Œ', oelig: 'œ', Scaron: 'Š', scaron: 'š', ensp: '\u2002', emsp: '\u2003',
  thinsp: '\u2009', zwnj: '\u200c', zwj: '\u200d',
};

/** The names from `first` on, one code point each. */
function inOrder(first: number, names: string): void {
  for (const [index, name] of names.split(' ').entries()) NAMED[name] = String.fromCodePoint(first + index);
}

inOrder(
  0xa0,
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro ' +
    'para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil ' +
    'Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave ' +
    'Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml ' +
    'igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute ' +
    'thorn yuml',
);
inOrder(0x391, 'Alpha Beta Gamma Delta Epsilon Zeta Eta Theta Iota Kappa Lambda Mu Nu Xi Omicron Pi Rho');
inOrder(0x3a3, 'Sigma Tau Upsilon Phi Chi Psi Omega');
inOrder(
  0x3b1,
  'alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigmaf sigma tau upsilon phi ' +
    'chi psi omega',
);

/** Replaces the character references that are known; others are shown as they are. */
export function decoded(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]{2,8}\d{0,2}));/gi, (whole, hex, decimal, name) => {
    if (name) return Object.hasOwn(NAMED, name) ? (NAMED[name] ?? whole) : whole;
    const code = hex ? Number.parseInt(hex, 16) : Number(decimal);
    return code > 0 && code <= 0x10_ff_ff ? String.fromCodePoint(code) : '\ufffd';
  });
}
