// KaTeX, in a file of its own, which is loaded with the first formula.

import katex from 'katex';

export default katex;
