import t from 'tap';
import { gather, takeApart } from '../../lib/engine/pieces.js';

const long = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** Through both sides, as messages do it. */
function across(value: unknown): { result: unknown; pieces: number; largest: number } {
  const sent = structuredClone(takeApart(value));
  const gathered = gather();
  for (const piece of sent.pieces) gathered.add(piece);
  const largest = Math.max(0, ...sent.pieces.map(({ items }) => items.length));
  return { result: gathered.finish(sent.whole), pieces: sent.pieces.length, largest };
}

const values: Record<string, [value: unknown, pieces: number]> = {
  'a number': [7, 0],
  nothing: [undefined, 0],
  null: [null, 0],
  'a text': ['x'.repeat(10_000), 0],
  'a short array': [long(2048), 0],
  'a long array': [long(2049), 2],
  'a long array of short ones': [long(5000).map((i) => [i]), 3],
  'long arrays in an object': [{ a: long(3000), b: { c: long(3000) }, d: [] }, 4],
  'a long array of long arrays': [long(2050).map((i) => (i < 2 ? long(2050) : i)), 6],
  'a long array in a short one': [[1, { x: [long(4096)] }], 2],
  'a name that JavaScript treats apart': [JSON.parse('{"__proto__":[1],"length":2}'), 0],
};

for (const [what, [value, pieces]] of Object.entries(values)) {
  t.test(`when a result is ${what}, then it arrives as it was, in ${pieces} pieces`, (t) => {
    const before = structuredClone(value);
    const crossed = across(value);
    t.same(crossed.result, before);
    t.equal(crossed.pieces, pieces);
    t.ok(crossed.largest <= 2048);
    t.same(value, before, 'and the original is as it was');
    t.end();
  });
}

t.test('when a result holds more than plain data, then that crosses as it is', (t) => {
  const value = { map: new Map([[1, long(3000)]]), bytes: new Uint8Array(5000), date: new Date(0) };
  const { result, pieces } = across(value);
  t.same(result, value);
  t.equal(pieces, 0);
  t.end();
});

t.test('when a result refers to itself, then the walk ends', (t) => {
  const value: Record<string, unknown> = { a: [1] };
  value['self'] = value;
  t.match(across(value).result, { a: [1], self: { a: [1] } });
  t.end();
});
