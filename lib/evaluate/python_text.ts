// The few string rules of Python that lm-eval's prompts and files depend on.

/** As a class of a regular expression: what `str.isspace()` and `\s` take for a space, not quite JavaScript's `\s`. */
export const whitespace =
  '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const spaces = new RegExp(`${whitespace}+`, 'u');
const leading = new RegExp(`^${whitespace}+`, 'u');
const trailing = new RegExp(`${whitespace}+$`, 'u');

/** `text.rstrip()` */
export const stripEnd = (text: string): string => text.replace(trailing, '');

/** `text.lstrip()` */
export const stripStart = (text: string): string => text.replace(leading, '');

/** `text.strip()` */
export const strip = (text: string): string => stripEnd(stripStart(text));

/** `len(re.split(r"\s+", text))`: white space in front or at the end counts one more. */
export const wordCount = (text: string): number => text.split(spaces).length;

/** `text.capitalize()`: the first character as a title begins, all others in lower case. */
export function capitalize(text: string): string {
  const [first = '', ...rest] = text;
  const [head = '', ...tail] = first.toUpperCase(); // 'ß' gives two letters, of which one is large
  return head + tail.join('').toLowerCase() + rest.join('').toLowerCase();
}

/** `len(text)`: code points, not UTF-16 units. */
export const codePoints = (text: string): number => Array.from(text).length;

/** `str(value)` of a float, for example '-8.0'. */
export const floatText = (value: number): string =>
  Number.isInteger(value) ? value.toFixed(1) : String(value);
