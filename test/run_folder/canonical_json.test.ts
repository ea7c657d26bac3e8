import t from 'tap';
import { canonicalJson, differences, hashOf } from '../../lib/run_folder/canonical_json.js';

t.test('when keys stand in another order, then text and hash are the same', async (t) => {
  const a = { x: 1, y: { b: [1, { d: 2, c: 3 }], a: null } };
  const b = { y: { a: null, b: [1, { c: 3, d: 2 }] }, x: 1 };
  t.equal(canonicalJson(a), canonicalJson(b));
  t.equal(hashOf(a), hashOf(b));
  t.not(hashOf(a), hashOf({ ...a, x: 2 }));
  t.not(hashOf([1, 2]), hashOf([2, 1]), 'lists have an order');
});

t.test('when a member is undefined, then it is as if it were not there', async (t) => {
  t.equal(hashOf({ a: 1, b: undefined }), hashOf({ a: 1 }));
  t.same(differences({ a: 1, b: undefined }, { a: 1 }), []);
});

t.test('when objects differ, then each place is told with both values', async (t) => {
  t.same(differences({ a: { b: 1, c: 2 }, d: [1] }, { a: { b: 1, c: 3 }, d: [2], e: 4 }), [
    { path: 'a.c', a: 2, b: 3 },
    { path: 'd', a: [1], b: [2] },
    { path: 'e', a: undefined, b: 4 },
  ]);
});
