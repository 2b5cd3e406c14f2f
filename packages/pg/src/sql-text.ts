/**
 * The parts of a text that are no SQL words: comments, strings of every kind, quoted names and numbers. One
 * alternation reads them in a single pass, so that a quote inside a comment opens nothing.
 */
const nonWords =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\$([A-Za-z_]\w*)?\$[\s\S]*?(?:\$\1\$|$)|\b[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|\$\d+|\b\d[\w.]*/g;

/** Where the first word of a text begins: behind white space, comments, semicolons and brackets. */
function startOfWords(text: string): number {
  let at = 0;
  for (;;) {
    const two = text.slice(at, at + 2);
    if (two === '--') at = after(text, '\n', at);
    else if (two === '/*') at = endOfComment(text, at);
    else if (/^[\s;(]/.test(two)) at += 1;
    else return at;
  }
}

/** Comments nest. */
function endOfComment(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; ) {
    const two = text.slice(at, at + 2);
    if (two === '/*') depth += 1;
    else if (two === '*/') depth -= 1;
    at += two === '/*' || two === '*/' ? 2 : 1;
    if (depth === 0) return at;
  }
  return text.length;
}

function after(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at < 0 ? text.length : at + mark.length;
}

const word = /[A-Za-z]+/y;

/** The first word of a text, in capitals; empty when it begins with none. */
export function firstWord(text: string): string {
  word.lastIndex = startOfWords(text);
  return word.exec(text)?.[0].toUpperCase() ?? '';
}

/** A text without its comments, and with nothing in place of data and quoted names but question marks. */
export function bareText(text: string): string {
  return text.replace(nonWords, (found) => {
    if (found.startsWith('--') || found.startsWith('/*')) return ' ';
    return /^\$\d/.test(found) ? found : '?';
  });
}

/** Whether a text holds more than one statement. */
export function isSeveral(text: string): boolean {
  return text.includes(';') && /;\s*\S/.test(bareText(text));
}

/** A statement for an error message: its beginning, without what may be data. */
export function outline(text: string): string {
  const bare = bareText(text.slice(0, 2_000)).replace(/\s+/g, ' ').trim();
  return bare.length > 80 ? `${bare.slice(0, 79)}…` : bare;
}
