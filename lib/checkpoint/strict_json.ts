// JSON as a strict reader takes it: JSON.parse forgives names given twice and numbers that lose digits.

/** Told every number as it is spelled, with the names of the objects around it ('' for an array). */
export type OnNumber = (spelling: string, path: readonly string[]) => void;

const quote = 34;
const minus = 45;
const digits = /[-+.\deE]+/y;
const afterName = /[\t\n\r ]*:/y;

/**
 * The value of `text`.
 * @throws Error with what is wrong: a syntax error, a name twice in one object, half a surrogate pair, or what
 * `onNumber` throws
 */
export function parseStrictJson(text: string, onNumber: OnNumber = () => undefined): unknown {
  const value: unknown = JSON.parse(text);
  // The text is JSON from here on, so a walk over it needs no syntax. It keeps no stack of calls and no regular
  // expression runs over a string: both would overflow on a hostile text of 100 MB.
  const names: (Set<string> | undefined)[] = [];
  const path: string[] = [];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === quote) {
      const end = endOfString(text, i);
      const found = decode(text.slice(i, end + 1));
      i = end;
      afterName.lastIndex = end + 1;
      if (!afterName.test(text)) continue;
      const seen = names.at(-1);
      if (seen?.has(found)) throw new Error(`the name '${found}' appears twice`);
      seen?.add(found);
      path[path.length - 1] = found;
    } else if (code === minus || (code >= 48 && code <= 57)) {
      digits.lastIndex = i;
      const [spelling] = digits.exec(text) as unknown as [string];
      onNumber(spelling, path);
      i += spelling.length - 1;
    } else if (text[i] === '{' || text[i] === '[') {
      names.push(text[i] === '{' ? new Set() : undefined);
      path.push('');
    } else if (text[i] === '}' || text[i] === ']') {
      names.pop();
      path.pop();
    }
  }
  return value;
}

/** Index of the quote that closes the string opened at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return end;
  }
}

/** "a" and "\\u0061" are the same name; half a surrogate pair is no character and has no UTF-8. */
function decode(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  const text = JSON.parse(quoted) as string;
  if (/\p{Surrogate}/u.test(text)) throw new Error(`${quoted} holds half a surrogate pair`);
  return text;
}
