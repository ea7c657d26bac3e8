import t from 'tap';
import { zeros } from '../../lib/tensor/ops.js';
import { keep, scoped, tensorBytes, tensorCount } from '../../lib/tensor/scope.js';
import type { Tensor } from '../../lib/tensor/tensor.js';

t.test('when a scope ends, then what it made is gone, and its result is not', (t) => {
  const before = tensorCount();
  let temporary: Tensor | undefined;
  const result = scoped(() => {
    temporary = zeros([3]);
    return zeros([2]);
  });
  t.equal(temporary?.alive, false);
  t.equal(result.alive, true);
  t.equal(tensorCount(), before + 1);
  result.dispose();
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when scopes nest, then a result belongs to the scope around', (t) => {
  const before = tensorCount();
  let inner: Tensor | undefined;
  scoped(() => {
    inner = scoped(() => zeros([1]));
    t.equal(inner.alive, true);
    t.equal(tensorCount(), before + 1);
  });
  t.equal(inner?.alive, false);
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when tensors are in arrays and plain objects, then all of them are results', (t) => {
  const before = tensorCount();
  const result = scoped(() => {
    zeros([1]);
    return { list: [zeros([1]), null, [zeros([2])]], deep: { x: zeros([3]) }, n: 1, s: 'text' };
  });
  t.equal(tensorCount(), before + 3);
  const [a, , b] = result.list as [Tensor, null, [Tensor]];
  for (const x of [a, b[0], result.deep.x]) x.dispose();
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when a tensor of an outer scope is returned, then it stays there', (t) => {
  const before = tensorCount();
  scoped(() => {
    const outer = zeros([1]);
    const same = scoped(() => outer);
    t.equal(same, outer);
    t.equal(outer.alive, true);
  });
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when a tensor is kept, then no scope frees it', (t) => {
  const before = tensorCount();
  const [kept, inner] = scoped(() => [
    keep(zeros([1])),
    scoped(() => ({ held: keep(zeros([1])) })),
  ]);
  t.equal(kept.alive && inner.held.alive, true);
  kept.dispose();
  inner.held.dispose();
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when the function throws, then its tensors are freed and the error goes on', (t) => {
  const before = tensorCount();
  const thrown = new Error('from within');
  t.throws(
    () =>
      scoped(() => {
        zeros([1]);
        scoped(() => {
          zeros([1]);
          throw thrown;
        });
      }),
    thrown,
  );
  t.equal(tensorCount(), before);
  const after = scoped(() => zeros([1]));
  t.equal(after.alive, true, 'the stack of scopes is as before');
  after.dispose();
  t.end();
});

t.test('when a tensor is disposed inside, then the scope does not free it again', (t) => {
  const before = tensorCount();
  scoped(() => {
    const outer = zeros([1]);
    scoped(() => {
      zeros([1]).dispose();
      outer.dispose();
    });
  });
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when the function is asynchronous, then TENSOR_SCOPE says so', async (t) => {
  const before = tensorCount();
  t.throws(() => scoped(() => Promise.resolve(1)), { code: 'TENSOR_SCOPE', hint: String });
  // A rejection must not become an unhandled one beside the error.
  t.throws(
    () =>
      scoped(async () => {
        zeros([1]);
        throw new Error('lost');
      }),
    { code: 'TENSOR_SCOPE' },
  );
  await new Promise((resolve) => setTimeout(resolve, 5));
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when bytes are counted, then a storage shared by two handles counts once', (t) => {
  const before = tensorBytes();
  scoped(() => {
    const x = zeros([10], 'float64');
    t.equal(tensorBytes() - before, 80);
    scoped(() => {
      const y = zeros([4], 'float32', 'meta');
      t.equal(y.device, 'meta');
      t.equal(tensorBytes() - before, 80, 'a weightless tensor has no bytes');
    });
    t.equal(x.size, 10);
  });
  t.equal(tensorBytes(), before);
  t.end();
});

t.test('when a long loop disposes what it makes, then its scope does not keep it', (t) => {
  scoped(() => {
    const first = zeros([1]);
    for (let i = 0; i < 10_000; i++) zeros([1]).dispose();
    const { scope } = first;
    t.ok(scope && scope.tensors.length < 3000, `${scope?.tensors.length} of 10,001`);
    t.ok(scope?.tensors.includes(first));
  });
  t.end();
});
