import { inspect } from 'node:util';
import t from 'tap';
import { LoraShearError } from '../../lib/errors.js';
import { insideModule } from '../../lib/tensor/module_path.js';
import {
  type OpRecord,
  op,
  opMany,
  opVoid,
  verifyOperators,
  withRecorder,
} from '../../lib/tensor/op.js';
import {
  add,
  cat,
  foreachNorm,
  fusedAdamW,
  matmul,
  mul,
  slice,
  to,
  view,
  zeros,
} from '../../lib/tensor/ops.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { type Tensor, floatTensor } from '../../lib/tensor/tensor.js';
import { test } from '../fixtures/no_leak.js';

function errorOf(fn: () => unknown): LoraShearError {
  try {
    fn();
  } catch (thrown) {
    if (thrown instanceof LoraShearError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}

test('when an argument is wrong, then the error names operator, argument, expectation and value', (t) => {
  const x = zeros([2, 3]);
  const wrong = (value: unknown) => value as never;
  const cases: [() => unknown, RegExp][] = [
    [() => add(x, wrong('text')), /aten::add\.Tensor.*'other' must be a tensor, got text/s],
    [() => add(x, wrong(null)), /aten::add\.Tensor.*'other' must be a tensor, got null/s],
    [() => mul(x, wrong(undefined)), /aten::mul\.Tensor.*'other' must be a tensor, got undefined/s],
    [() => view(x, [1.5, 4]), /aten::view.*'size' must be an integer, got 1\.5/s],
    [() => view(x, [NaN]), /aten::view.*'size' must be an integer, got nan/s],
    [() => view(x, wrong(null)), /aten::view.*'size' must be an array of numbers, got null/s],
    [() => view(x, wrong(['6'])), /aten::view.*'size' must be a number, got 6/s],
    [() => slice(x, wrong('0'), 0, 1), /aten::slice\.Tensor.*'dim' must be .*number, got 0/s],
    [() => to(x, wrong(7), 'float32'), /aten::to\.device.*'device' must be a device .*, got 7/s],
    [() => cat(wrong(x), 0), /aten::cat.*'tensors' must be an array/s],
    [
      () => (add as (...args: unknown[]) => unknown)(x, x, 1, 2),
      /aten::add\.Tensor.*takes 3 arguments, got 4/s,
    ],
  ];
  for (const [call, message] of cases) {
    const error = errorOf(call);
    t.equal(error.code, 'TENSOR_OP_FAILED');
    t.match(error.message, message);
  }
});

test('when libtorch refuses the shapes, then the error shows them and where it happened', (t) => {
  const [a, b] = [zeros([2, 3]), zeros([4, 5], 'float64')];
  const error = errorOf(() =>
    insideModule('layers.7', () => insideModule('mlp', () => matmul(a, b))),
  );
  t.equal(error.code, 'TENSOR_OP_FAILED');
  t.match(error.message, 'aten::matmul(float32(2×3), float64(4×5)) at layers.7.mlp: ');
  t.same(error.facts, {
    op: 'aten::matmul',
    module: 'layers.7.mlp',
    inputs: ['float32(2×3)', 'float64(4×5)'],
  });
  t.match(errorOf(() => cat([a, zeros([3, 4, 5])], 0)).message, '[float32(2×3), float32(3×4×5)]');
  const many = errorOf(() => cat([...Array.from({ length: 20 }, () => a), zeros([1])], 0));
  t.match(many.message, 'float32(2×3), … 21 in all]');
});

test('when an error is shown, then without the C++ backtrace, which the cause keeps', (t) => {
  const error = errorOf(() => matmul(zeros([2, 3]), zeros([4, 5])));
  const backtrace = /frame #\d+/;
  for (const text of [error.message, JSON.stringify(error), inspect(error), String(error.cause)]) {
    t.notMatch(text, backtrace);
  }
  t.match((error.cause as { detail: string }).detail, backtrace, 'asked for, it is there');
});

test('when a disposed tensor is used, then TENSOR_DISPOSED names the operator', (t) => {
  const x = zeros([1]);
  const y = zeros([1]);
  y.dispose();
  const error = errorOf(() => add(x, y));
  t.equal(error.code, 'TENSOR_DISPOSED');
  t.match(error.message, 'aten::add.Tensor(float32(1), disposed tensor)');
  t.type(error.hint, 'string');
  t.equal(errorOf(() => cat([x, y], 0)).code, 'TENSOR_DISPOSED');
});

test('when a slot is used again, then an old handle does not reach the new tensor', (t) => {
  const old = floatTensor([1], [1]);
  old.dispose();
  const fresh = floatTensor([2], [1]);
  t.equal(fresh.handle % 2 ** 32, old.handle % 2 ** 32, 'the same slot');
  t.not(fresh.handle, old.handle);
  t.equal(old.alive, false);
  t.equal(errorOf(() => add(old, fresh)).code, 'TENSOR_DISPOSED');
  t.equal(errorOf(() => old.dispose()).code, 'TENSOR_DISPOSED');
  t.same(fresh.toArray(), [2]);
});

test('when a recorder is installed, then it sees every operator with its module', (t) => {
  const calls: OpRecord[] = [];
  const recorder = { record: (call: OpRecord): void => void calls.push(call) };
  const x = floatTensor([3, 4], [2]);
  const state = [zeros([2]), zeros([2]), floatTensor([1], [])] as const;
  const rate = zeros([], 'float64');
  const norms = withRecorder(recorder, () => {
    insideModule('model', () => insideModule('norm', () => add(x, x)));
    fusedAdamW(
      [x],
      [zeros([2])],
      [state[0]],
      [state[1]],
      [],
      [state[2]],
      rate,
      0.9,
      0.999,
      0,
      1e-8,
      false,
      false,
    );
    return foreachNorm([x, x], 2);
  });
  add(x, x);
  t.same(
    calls.map(({ op, module, results }) => [op, module, results.length]),
    [
      ['aten::add.Tensor', 'model.norm', 1],
      ['aten::full', '', 1],
      ['aten::_fused_adamw_.tensor_lr', '', 0],
      ['aten::_foreach_norm.Scalar', '', 2],
    ],
  );
  t.equal(calls[0]?.args[0], x, 'tensors are the very objects');
  t.equal(calls[3]?.results[1], norms[1]);
  t.match(calls[0]?.schema, /^aten::add\.Tensor\(Tensor self/);
});

test('when recorders would nest, then that is refused; a throw takes the recorder off', (t) => {
  const recorder = { record: (): void => undefined };
  t.throws(() => withRecorder(recorder, () => withRecorder(recorder, () => undefined)), {
    code: 'GRAPH_INVALID',
  });
  t.equal(
    withRecorder(recorder, () => 5),
    5,
  );
});

test('when all declared operators are as libtorch has them, then the check is silent', () => {
  verifyOperators();
});

test('when an operator has several results or none, then they come as an array or as nothing', (t) => {
  const topk = opMany(
    'aten::topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)',
  ) as (x: Tensor, k: number) => [Tensor, Tensor];
  const [values, indices] = topk(floatTensor([1, 5, 3], [3]), 2);
  t.same(
    [values.toArray(), indices.toArray()],
    [
      [5, 3],
      [1, 2],
    ],
  );
  const copies = opVoid(
    'aten::_foreach_copy_(Tensor(a!)[] self, Tensor[] src, bool non_blocking=False) -> ()',
  );
  copies([values], [floatTensor([7, 8], [2])]);
  t.same(values.toArray(), [7, 8]);
});

t.test('when 100,000 operators run in scopes, then memory and handles stay', (t) => {
  const handles = tensorCount();
  const one = floatTensor([1], [1]);
  const run = (n: number): void => {
    for (let i = 0; i < n; i++) scoped(() => void add(add(one, one), one));
  };
  run(10_000);
  const before = process.memoryUsage.rss();
  run(50_000);
  t.ok(process.memoryUsage.rss() - before < 30e6, 'grown by less than 30 MB');
  one.dispose();
  t.equal(tensorCount(), handles);
  t.end();
});

// Last: these declarations stay unresolvable.
test('when declarations differ from libtorch, then one error lists all of them', (t) => {
  const changed = op('aten::add.Tensor(Tensor self, Tensor other) -> Tensor');
  op('aten::no_such_operator(Tensor self) -> Tensor');
  op('lorashear::neither(Tensor self) -> Tensor');
  op('no schema at all');
  const error = errorOf(() => changed(zeros([1]), zeros([1])));
  t.equal(error.code, 'NATIVE_SCHEMA_MISMATCH');
  t.match(error.message, /^4 operator\(s\) differ from libtorch 2\./);
  t.match(error.message, 'aten::add.Tensor(Tensor self, Tensor other) -> Tensor\n');
  t.match(
    error.message,
    'this libtorch declares aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1)',
  );
  t.match(error.message, /aten::no_such_operator.*\n\s+this libtorch has no such operator/);
  t.match(error.message, /lorashear::neither.*\n\s+this libtorch has no such operator/);
  t.match(error.message, /no schema at all\n\s+not a schema/);
  t.same(add(floatTensor([1], [1]), floatTensor([2], [1])).toArray(), [3], 'the others work');
  const later = op('aten::sigmoid(Tensor self) -> Tensor');
  t.same(later(zeros([1])).toArray(), [0.5], 'also those that are declared later');
  t.throws(() => verifyOperators(), { code: 'NATIVE_SCHEMA_MISMATCH', message: /^4 operator/ });
});
