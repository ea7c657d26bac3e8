import t from 'tap';
import { createRandom } from '../../lib/data/random.js';
import { stopStrings } from '../../lib/generate/stop_strings.js';

/** What comes out when `text` goes in by pieces of the lengths given by `random`. */
function through(text: string, strings: string[], random = createRandom(1)) {
  const stops = stopStrings(strings);
  let out = '';
  for (let at = 0; at < text.length;) {
    const length = 1 + random.integer(4);
    const { text: piece, stopped } = stops.push(text.slice(at, at + length));
    out += piece;
    if (stopped) return { out, stopped };
    at += length;
  }
  return { out: out + stops.end(), stopped: false };
}

t.test('when a stop string comes in pieces, then the text ends before it', (t) => {
  const stops = stopStrings(['\n\nUser:', 'END']);
  t.strictSame(stops.push('Yes.\n'), { text: 'Yes.', stopped: false });
  t.strictSame(stops.push('\nUs'), { text: '', stopped: false });
  t.strictSame(stops.push('age'), { text: '\n\nUsage', stopped: false });
  t.strictSame(stops.push(' E'), { text: ' ', stopped: false });
  t.strictSame(stops.push('ND and more'), { text: '', stopped: true });
  t.end();
});

t.test('when none comes, then nothing is lost; none is empty', (t) => {
  t.strictSame(through('abcabcab', ['abcd']), { out: 'abcabcab', stopped: false });
  t.strictSame(through('abc', []), { out: 'abc', stopped: false });
  t.strictSame(through('abc', ['']), { out: 'abc', stopped: false });
  t.end();
});

t.test(
  'when texts are random, then the first of the strings ends them wherever they are cut',
  (t) => {
    const random = createRandom(4);
    const word = (length: number) => Array.from({ length }, () => 'ab'[random.integer(2)]).join('');
    for (let i = 0; i < 300; i++) {
      const text = word(30);
      const strings = [word(2 + random.integer(5)), word(2 + random.integer(5))];
      const ends = strings.map((s) => text.indexOf(s)).filter((at) => at >= 0);
      const { out, stopped } = through(text, strings, random);
      t.equal(stopped, ends.length > 0);
      if (!stopped) t.equal(out, text);
      else
        t.ok(
          ends.includes(out.length) && text.startsWith(out),
          `${text} ${strings.join()}: ${out}`,
        );
    }
    t.end();
  },
);
