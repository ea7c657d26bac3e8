import t from 'tap';
import { Pass } from '../../lib/nn/pass.js';
import { KvCache } from '../../lib/nn/kv_cache.js';
import { RotationTable, fixedFrequencies } from '../../lib/nn/rope.js';
import { zeros } from '../../lib/tensor/ops.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';

/** Two rows of five: documents of 2 and 3 tokens; one of 5. */
const segments = Int32Array.of(4, 4, 7, 7, 7, 0, 0, 0, 0, 0);

t.test('when a row holds two documents, then neither sees the other', (t) => {
  scoped(() => {
    const pass = new Pass(zeros([2, 5]), 'float32', { segments });
    const { causal, mask } = pass.visibility(null);
    t.notOk(causal);
    t.strictSame(mask?.shape, [2, 1, 5, 5]);
    // prettier-ignore
    t.strictSame(mask?.toArray().map(Number), [
      1, 0, 0, 0, 0,  1, 1, 0, 0, 0,  0, 0, 1, 0, 0,  0, 0, 1, 1, 0,  0, 0, 1, 1, 1,
      1, 0, 0, 0, 0,  1, 1, 0, 0, 0,  1, 1, 1, 0, 0,  1, 1, 1, 1, 0,  1, 1, 1, 1, 1,
    ]);
    const narrow = pass.visibility(2).mask?.toArray().map(Number).slice(0, 25);
    // prettier-ignore
    t.strictSame(narrow, [1, 0, 0, 0, 0,  1, 1, 0, 0, 0,  0, 0, 1, 0, 0,  0, 0, 1, 1, 0,  0, 0, 0, 1, 1]);
    const hidden = pass.hidden(null).toArray().map(Number);
    t.strictSame(hidden.slice(10, 15), [1, 1, 0, 1, 1]);
    t.strictSame(pass.positions(2).toArray(), [2, 3, 2, 3, 4, 2, 3, 4, 5, 6]);
    const table = new RotationTable(fixedFrequencies([1]));
    const { cos } = pass.rotation(table);
    t.strictSame(cos.shape, [2, 1, 5, 2]);
    const at = (place: number): number => Math.fround(Math.cos(place));
    t.strictSame(
      cos.toArray().filter((_, i) => i % 2 === 0),
      [0, 1, 0, 1, 2, 0, 1, 2, 3, 4].map(at),
    );
    pass.dispose();
    table.dispose();
  });
  t.equal(tensorCount(), 0);
  t.end();
});

t.test('when every row is one document, then the pass is as without', (t) => {
  scoped(() => {
    const pass = new Pass(zeros([2, 5]), 'float32', { segments: new Int32Array(10).fill(3) });
    t.strictSame(pass.visibility(null), { causal: true, mask: null });
    t.strictSame(pass.positions().shape, [1, 5]);
    pass.dispose();
  });
  t.end();
});

t.test('when documents cannot be kept apart, then that is said', (t) => {
  scoped(() => {
    const tokens = zeros([2, 5]);
    const refused = (options: object, message: RegExp): void => {
      t.throws(() => new Pass(tokens, 'float32', { segments, ...options }), {
        code: 'CONFIG_INVALID',
        message,
        hint: String,
      });
    };
    refused({ segments: segments.slice(1) }, /^9 tokens have a document, of 2 × 5/);
    refused({ mask: [Array(5).fill(1), [0, 1, 1, 1, 1]] }, /neither a mask nor a cache/);
    const cache = new KvCache();
    cache.append(0, zeros([2, 1, 1, 2]), zeros([2, 1, 1, 2]));
    cache.advance(1);
    refused({ cache }, /neither a mask nor a cache/);
    cache.dispose();
    const pass = new Pass(tokens, 'float32', { segments });
    const breaking = new RotationTable({ at: () => [1], attention: 1, breaksAt: 4 });
    t.throws(() => pass.rotation(breaking), { code: 'CONFIG_INVALID', message: /more than 4/ });
    const later = new RotationTable({ at: () => [1], attention: 1, breaksAt: 5 });
    t.equal(pass.rotation(later).length, 5);
    pass.dispose();
    later.dispose();
  });
  t.end();
});
