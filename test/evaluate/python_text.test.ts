// Expected values are those of Python 3.
import t from 'tap';
import {
  capitalize,
  codePoints,
  floatText,
  strip,
  stripEnd,
  stripStart,
} from '../../lib/evaluate/python_text.js';

t.test('when text is stripped, then by what Python calls white space', (t) => {
  t.equal(stripEnd(' a\u00a0\x1f\x85\n'), ' a');
  t.equal(stripStart('\u3000\t a '), 'a ');
  t.equal(strip('\ufeff a \ufeff'), '\ufeff a \ufeff', 'a byte-order mark is none');
  t.end();
});

t.test('when text is capitalised, then the rest becomes small', (t) => {
  t.equal(capitalize('she THEN'), 'She then');
  t.equal(capitalize('ßA'), 'Ssa');
  t.equal(capitalize('\u{10428}A'), '\u{10400}a');
  t.equal(capitalize(''), '');
  t.end();
});

t.test('when text is measured, then in characters', (t) => {
  t.equal(codePoints('caf\u00e9 \u{1f319}'), 6);
  t.end();
});

t.test('when a number is written, then as a float', (t) => {
  t.equal(floatText(-8), '-8.0');
  t.equal(floatText(-7.5), '-7.5');
  t.end();
});
