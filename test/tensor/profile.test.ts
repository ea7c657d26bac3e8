import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { attachLora } from '../../lib/lora/lora.js';
import { backward } from '../../lib/tensor/autograd.js';
import { callClock } from '../../lib/tensor/call_clock.js';
import { insideModule } from '../../lib/tensor/module_path.js';
import { withRecorder } from '../../lib/tensor/op.js';
import { matmul, mul, sumAll } from '../../lib/tensor/ops.js';
import { type Profile, profile } from '../../lib/tensor/profile.js';
import { scoped } from '../../lib/tensor/scope.js';
import { floatTensor } from '../../lib/tensor/tensor.js';
import { nextTokenLoss } from '../../lib/train/language_model_loss.js';
import { denseModel } from '../fixtures/pages.js';

const learning = (values: readonly number[]) => {
  const tensor = floatTensor(values, [2, 2]);
  tensor.requiresGrad = true;
  return tensor;
};

const ofKind = ({ calls }: Profile, kind: string) => calls.filter((call) => call.kind === kind);
const named = (found: Profile, name: string) => found.calls.filter((call) => call.name === name);

/** Calls of a thread lie within one another or beside one another, and end after they begin. */
function nests({ calls }: Profile): boolean {
  const open: { end: number; thread: number }[] = [];
  return calls.every((call) => {
    if (call.end < call.start) return false;
    while (open.length > 0 && open.at(-1)!.thread !== call.thread) open.pop();
    while (open.length > 0 && open.at(-1)!.end <= call.start) open.pop();
    const outer = open.at(-1);
    open.push(call);
    return outer === undefined || call.end <= outer.end;
  });
}

t.test('when modules compute, then calls, what is inside them and backward are theirs', (t) => {
  const found = profile(() =>
    scoped(() => {
      const [x, w, scale] = [
        floatTensor([1, 2, 3, 4], [2, 2]),
        learning([1, 0, 0, 1]),
        learning([2, 2, 2, 2]),
      ];
      const loss = insideModule('model', () => {
        const y = insideModule('a', () => matmul(x, w));
        return sumAll(insideModule('b', () => mul(y, scale)));
      });
      backward(loss);
      return w.grad?.toArray();
    }),
  );
  t.same(found.result, [8, 8, 12, 12], 'profiled code computes the same');
  t.notOk(found.truncated);
  t.ok(nests(found));
  t.same(
    ofKind(found, 'operator').map(({ name, module }) => [name, module]),
    [
      ['aten::matmul', 'model.a'],
      ['aten::mul.Tensor', 'model.b'],
      ['aten::sum', 'model'],
    ],
  );
  t.same(
    ofKind(found, 'module').map(({ name }) => name),
    ['model', 'model.a', 'model.b'],
    'from the outside in',
  );
  t.match(named(found, 'aten::mm')[0], { kind: 'native', module: 'model.a' });
  t.match(named(found, 'MmBackward0'), [{ kind: 'backward', module: 'model.a' }]);
  t.match(named(found, 'MulBackward0'), [{ kind: 'backward', module: 'model.b' }]);
  t.match(named(found, 'SumBackward0'), [{ kind: 'backward', module: 'model' }]);
  const [step] = named(found, 'MmBackward0');
  const within = found.calls.filter(
    ({ name, start, end }) => name === 'aten::mm' && start >= step!.start && end <= step!.end,
  );
  t.match(within, [{ module: 'model.a' }], 'the product for w, none for x');
  t.equal(ofKind(found, 'autograd').length, 1);
  t.end();
});

t.test(
  'when a training step is profiled, then nothing is missing and every layer is there',
  (t) => {
    const model = loadModel(denseModel, { device: 'cpu', dtype: 'float32' });
    attachLora(model, { r: 2, alpha: 4, seed: 0 });
    const ids = Int32Array.from({ length: 16 }, (_, i) => 3 + i);
    const loss = (): void => {
      scoped(() => {
        backward(nextTokenLoss(model, { ids, batch: 1, length: 16 }, {}));
      });
    };
    const recorded: string[] = [];
    // In one run: a recorder makes the model take libtorch's operators.
    const found = withRecorder(
      { record: ({ op, module }) => void recorded.push(`${op} ${module}`) },
      () => profile(loss),
    );
    t.same(
      ofKind(found, 'operator').map(({ name, module }) => `${name} ${module}`),
      recorded,
    );
    t.ok(nests(found));
    const layers = new Set(
      ofKind(found, 'backward').map(({ module }) => /layers\.(\d+)/.exec(module)?.[1]),
    );
    for (let layer = 0; layer < 5; layer++) t.ok(layers.has(String(layer)), `layer ${layer}`);
    const longest = Math.max(...found.calls.map(({ end }) => end));
    const sum = ofKind(found, 'operator').reduce((all, { start, end }) => all + end - start, 0);
    t.ok(sum <= longest, 'operators of one thread do not overlap');
    model.dispose();
    t.end();
  },
);

t.test('when a profile ends, then nobody listens: also after an error', (t) => {
  t.throws(
    () =>
      profile(() => {
        throw new RangeError('of the code');
      }),
    { message: 'of the code' },
  );
  t.equal(callClock(), undefined);
  t.throws(() => profile(() => profile(() => 1)), { message: /already being made/ });
  t.equal(callClock(), undefined);
  scoped(() => void sumAll(floatTensor([1], [1])));
  t.same(profile(() => 2).calls, [], 'calls before it are not in it');
  t.end();
});

t.test('when there are more calls than the limit, then the first are kept and it says so', (t) => {
  const [a, b] = [floatTensor([1], [1]), floatTensor([2], [1])];
  const found = profile(() => scoped(() => Array.from({ length: 9 }, () => mul(a, b)).length), {
    limit: 4,
  });
  t.equal(found.result, 9);
  t.ok(found.truncated);
  t.equal(ofKind(found, 'operator').length, 4);
  t.equal(found.calls.length, 8);
  a.dispose();
  b.dispose();
  t.end();
});

t.test('when a device has to be waited for, then the wait is part of each operator', (t) => {
  const a = floatTensor([1], [1]);
  let waits = 0;
  const found = profile(() => scoped(() => void insideModule('m', () => mul(a, a))), {
    wait: () => (waits += 1),
  });
  t.equal(waits, 1);
  t.equal(ofKind(found, 'operator').length, 1);
  a.dispose();
  t.end();
});
