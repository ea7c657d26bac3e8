import t from 'tap';
import { cleanText, paperCleaning } from '../../lib/data/cleaning.js';

const words = (text: string) => text.split(/\s+/).filter(Boolean).length;

t.test('when nothing is asked for, then the text stays as it is', (t) => {
  const text = 'a\u0000b\r\n\u200B\n\n\n c ';
  t.equal(cleanText(text, {}, words), text);
  t.end();
});

t.test('when irregular characters are stripped, then text in any script stays', (t) => {
  const strip = (text: string) => cleanText(text, { stripIrregular: true }, words);
  t.equal(strip('a\u0000b\u0007c\u001B[0m\uFEFF\u200B\u00AD\uE000\uFFFDd'), 'abc[0md');
  t.equal(strip('one\r\ntwo\rthree\tfour\n'), 'one\ntwo\nthree\tfour\n');
  t.equal(strip('\uD800lone'), 'lone');
  for (const kept of [
    '“naïve” — 3 €',
    '日本語',
    'हिन्दी क्\u200Dष',
    '👨\u200D👩\u200D👧 🌙',
    'می\u200Cخواهم',
  ]) {
    t.equal(strip(kept), kept);
  }
  t.end();
});

t.test('when paragraphs are short, then only those with more tokens stay', (t) => {
  const long = Array.from({ length: 65 }, (_, i) => `w${i}`).join(' ');
  const exact = Array.from({ length: 64 }, (_, i) => `v${i}`).join('\n');
  const text = `Chapter 1\n\n${long}\n \n\n${exact}\n\n${long}`;
  t.equal(cleanText(text, paperCleaning, words), `${long}\n\n${long}`);
  t.equal(cleanText('short', paperCleaning, words), '');
  t.end();
});
