import { native } from '../../lib/native/load.js';
import { backward, clearGrads, grad, noGrad } from '../../lib/tensor/autograd.js';
import { Checkpoints } from '../../lib/tensor/checkpointing.js';
import {
  add,
  argmax,
  dropout,
  exp,
  linear,
  matmul,
  mul,
  normal_,
  scale,
  silu,
  sumAll,
  view,
  zeros,
} from '../../lib/tensor/ops.js';
import { defaultStream, randomStream } from '../../lib/tensor/random.js';
import { scoped, tensorBytes } from '../../lib/tensor/scope.js';
import type { Tensor } from '../../lib/tensor/tensor.js';
import { test } from '../fixtures/no_leak.js';

const stream = randomStream(7);

function leaf(...shape: number[]): Tensor {
  const x = noGrad(() => normal_(zeros(shape), 0, 0.5, stream.id));
  x.requiresGrad = true;
  return x;
}

type Part = (fn: (...inputs: Tensor[]) => Tensor, ...inputs: Tensor[]) => Tensor;

/** Gradients of `leaves` without and with checkpoints; `loss` is given how to run a part. */
function both(leaves: readonly Tensor[], loss: (part: Part) => Tensor): [number[][], number[][]] {
  const taken = (): number[][] => leaves.map((x) => x.grad?.toArray() ?? []);
  const before = defaultStream().save();
  backward(loss((fn, ...inputs) => fn(...inputs)));
  const plain = taken();
  clearGrads(leaves);
  defaultStream().restore(before);
  using parts = new Checkpoints({ streams: [stream] });
  parts.backward(loss((fn, ...inputs) => parts.run(fn, ...inputs)));
  const checkpointed = taken();
  clearGrads(leaves);
  return [plain, checkpointed];
}

test('when a chain of blocks is checkpointed, then gradients are the same to the bit', (t) => {
  const x = leaf(6, 8);
  const weights = Array.from({ length: 4 }, () => leaf(8, 8));
  const [plain, checkpointed] = both([x, ...weights], (part) => {
    let h = x;
    for (const w of weights) h = part((given) => add(given, silu(linear(given, w))), h);
    return sumAll(mul(h, h));
  });
  t.ok(plain.every((values) => values.some((v) => v !== 0)));
  t.same(checkpointed, plain);
});

test('when a part drops out, then it drops the same again, and the stream goes on behind it', (t) => {
  const [x, w] = [leaf(16, 8), leaf(8, 8)];
  let last: number[] = [];
  const [plain, checkpointed] = both([x, w], (part) => {
    const h = part((given) => dropout(linear(given, w), 0.5, true), x);
    last = dropout(zeros([8]), 0.5, true).toArray();
    return sumAll(exp(h));
  });
  t.same(checkpointed, plain);
  t.equal(last.length, 8);
  const before = defaultStream().save();
  using parts = new Checkpoints();
  const h = parts.run((given) => dropout(given, 0.5, true), x);
  const after = defaultStream().save();
  t.notSame(after, before);
  parts.backward(sumAll(h));
  t.same(defaultStream().save(), after, 'backward leaves the stream where it was');
});

test('when parts draw from a stream of their own, then it is given and they draw the same', (t) => {
  const x = leaf(5);
  const start = stream.save();
  const [plain, checkpointed] = both([x], (part) => {
    stream.restore(start);
    return sumAll(part((given) => mul(given, normal_(zeros([5]), 0, 1, stream.id)), x));
  });
  t.same(checkpointed, plain);
});

test('when recorded operators stand between, beside and before the parts, then gradients agree', (t) => {
  const [x, w, v] = [leaf(4, 4), leaf(4, 4), leaf(4, 4)];
  const near = (a: number[][], b: number[][]): boolean =>
    a.flat().every((value, i) => Math.abs(value - b.flat()[i]!) <= 1e-5 * (1 + Math.abs(value)));
  const [plain, checkpointed] = both([x, w, v], (part) => {
    const before = matmul(x, v); // recorded, and used by both parts and by the loss
    const a = part((given) => silu(matmul(given, w)), before);
    const between = scale(a, 0.5);
    const b = part((p, q) => add(matmul(p, w), exp(q)), between, before);
    return sumAll(add(mul(b, before), between));
  });
  t.ok(near(checkpointed, plain));
});

test('when a part gives several results, whole numbers or its own input, then each is right', (t) => {
  const x = leaf(3, 4);
  using parts = new Checkpoints();
  const [a, same, best] = parts.run(
    (given): [Tensor, Tensor, Tensor] => [exp(given), view(given, [12]), argmax(given, 1)],
    x,
  );
  t.same([best.dtype, best.requiresGrad], ['int64', false]);
  parts.backward(add(sumAll(a), sumAll(scale(same, 3))));
  t.same(
    x.grad?.toArray().map((v) => v.toFixed(4)),
    exp(x)
      .toArray()
      .map((v) => (v + 3).toFixed(4)),
  );
  t.equal(x.isLeaf, true);
});

test('when a part reaches no parameter, or the loss does not reach it, then nothing is made up', (t) => {
  const [x, unused] = [leaf(3), leaf(3)];
  const constant = zeros([3]);
  using parts = new Checkpoints();
  const a = parts.run((given) => exp(given), constant);
  parts.run((given) => exp(given), unused);
  parts.backward(sumAll(mul(a, x)));
  t.same(x.grad?.toArray(), [1, 1, 1]);
  t.equal(unused.grad, null);
});

test('when parts stand within a part, then the inner ones are plain when it is run again', (t) => {
  const [x, w] = [leaf(4, 4), leaf(4, 4)];
  const gradients = (): (number[] | undefined)[] => {
    const taken = [x, w].map((leaf) => leaf.grad?.toArray());
    clearGrads([x, w]);
    return taken;
  };
  backward(sumAll(silu(matmul(x, w))));
  const plain = gradients();
  using inner = new Checkpoints();
  using outer = new Checkpoints();
  const part = (given: Tensor): Tensor => inner.run((h) => silu(matmul(h, w)), given);
  outer.backward(sumAll(outer.run(part, x)));
  t.same(gradients(), plain);
});

test('when gradients are off, then a part is a plain call', (t) => {
  const x = leaf(3);
  using parts = new Checkpoints();
  const y = noGrad(() => parts.run((given) => exp(given), x));
  t.equal(y.requiresGrad, false);
});

test('when plain backward ends at the parts, then dispose says so, and forgets them', (t) => {
  const x = leaf(3);
  const parts = new Checkpoints();
  backward(sumAll(parts.run((given) => exp(given), x)));
  t.equal(x.grad, null);
  t.throws(() => parts.dispose(), { code: 'TENSOR_SCOPE', hint: /Checkpoints/ });
  parts.dispose();
  const [g] = grad([sumAll(exp(x))], [x]);
  t.ok(g);
});

test('when a part throws while it is run again, then the parts are forgotten and nothing is left', (t) => {
  const x = leaf(3);
  let calls = 0;
  const parts = new Checkpoints();
  const loss = sumAll(
    parts.run((given) => {
      if (++calls > 1) throw new Error('second');
      return exp(given);
    }, x),
  );
  t.throws(() => parts.backward(loss), { message: 'second' });
  parts.dispose();
  const y = parts.run((given) => exp(given), x);
  t.equal(y.isLeaf, true, 'and parts are parts again');
  parts.backward(sumAll(y));
  t.same(x.grad?.toArray(), exp(x).toArray());
});

/** Bytes that a forward pass keeps for backward: by the process's memory, and by the handles of the parts alone. */
function keptBy(forward: () => Tensor): { resident: number; handles: number } {
  const [resident, handles] = [process.memoryUsage.rss(), tensorBytes()];
  const loss = scoped(forward);
  const kept = {
    resident: process.memoryUsage.rss() - resident,
    handles: tensorBytes() - handles,
  };
  loss.dispose();
  return kept;
}

test('when a deep pass is checkpointed, then it keeps the inputs of its parts only', (t) => {
  native().setThreads(1);
  const x = zeros([256, 1024]);
  const w = leaf(1024, 1024);
  const depth = 64;
  const activation = 256 * 1024 * 4;
  const block = (h: Tensor): Tensor => silu(silu(silu(silu(linear(h, w)))));
  backward(sumAll(block(x))); // the matrix library and the allocator take what they need
  using parts = new Checkpoints();
  const pass = (run: (h: Tensor) => Tensor): Tensor => {
    let h = x;
    for (let i = 0; i < depth; i++) h = run(h);
    return sumAll(h);
  };
  const checkpointed = keptBy(() => pass((h) => parts.run(block, h)));
  const plain = keptBy(() => pass(block));
  t.equal(checkpointed.handles, depth * activation + 4, 'one activation a part, and the loss');
  t.ok(plain.resident > 0.6 * 5 * depth * activation, `${plain.resident} bytes without`);
  t.ok(checkpointed.resident < 0.8 * plain.resident, `${checkpointed.resident} bytes with`);
});
