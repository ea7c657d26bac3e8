import t from 'tap';
import { native } from '../../lib/native/load.js';
import { type Argument, op, opMany, opValue, opVoid } from '../../lib/tensor/op.js';
import { full, zeros } from '../../lib/tensor/ops.js';
import { randomStream } from '../../lib/tensor/random.js';
import { type Tensor, floatTensor, longTensor } from '../../lib/tensor/tensor.js';
import { test } from '../fixtures/no_leak.js';

/** Operators of ATen whose values JavaScript cannot hold: storages, streams, TorchScript's classes and dictionaries. */
const foreign = [
  'aten::get_gradients',
  'aten::quantized_gru.data',
  'aten::quantized_gru.input',
  'aten::quantized_lstm.data',
  'aten::quantized_lstm.input',
  'aten::record_stream',
  'aten::set.source_Storage',
  'aten::set.source_Storage_out',
  'aten::set.source_Storage_storage_offset',
  'aten::set.source_Storage_storage_offset_out',
  'aten::set_.source_Storage',
  'aten::set_.source_Storage_storage_offset',
];

t.test('when every operator of ATen is declared, then all but a dozen cross', (t) => {
  const b = native();
  const schemas = b.operators().filter((schema) => schema.startsWith('aten::'));
  t.ok(schemas.length > 3000, `${schemas.length} operators`);
  const refused = b.resolve(schemas).flatMap(({ error }, i) => {
    if (error === undefined) return [];
    t.match(error, /do(es)? not cross/);
    return [schemas[i]!.slice(0, schemas[i]!.indexOf('('))];
  });
  t.same(refused.sort(), foreign);
  t.end();
});

t.test('when our operators are listed, then they are there with all overloads', (t) => {
  const ours = native()
    .operators()
    .filter((schema) => schema.startsWith('lorashear::'))
    .map((schema) => schema.slice(0, schema.indexOf('(')));
  t.same(ours.sort(), [
    'lorashear::add_rms_norm',
    'lorashear::causal_attention',
    'lorashear::causal_attention_reference',
    'lorashear::deviations',
    'lorashear::gated_silu',
    'lorashear::gated_silu_reference',
    'lorashear::group_statistics',
    'lorashear::group_statistics_reference',
    'lorashear::half_space_projection',
    'lorashear::half_space_projection_reference',
    'lorashear::linear',
    'lorashear::linear_cross_entropy',
    'lorashear::linear_cross_entropy_reference',
    'lorashear::linear_cross_entropy_rows',
    'lorashear::linear_reference',
    'lorashear::lora_linear',
    'lorashear::lora_linears',
    'lorashear::low_rank_gradient',
    'lorashear::low_rank_in',
    'lorashear::low_rank_out',
    'lorashear::rms_norm',
    'lorashear::rms_norm_reference',
    'lorashear::rotate',
    'lorashear::rotate_reference',
  ]);
  t.end();
});

const values = (x: Tensor): number[] => x.toArray();
const abc = (): Tensor => floatTensor([1, 2, 3, 4, 5, 6], [2, 3]);

test('when dtypes, layouts and memory formats are given by name or number, then they are understood', (t) => {
  const make = op(
    'aten::full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor',
  );
  t.equal(make([2], 1, 'float64').dtype, 'float64');
  t.equal(make([2], 1, 'bfloat16', 'strided', 'cpu', false).dtype, 'bfloat16');
  t.equal(make([2], 1, 'half').dtype, 'float16', 'as in Python, some have two names');
  t.equal(make([2], 1, 6).dtype, 'float32');
  t.throws(() => make([2], 1, 'float33'), {
    message: /'dtype' must be a dtype such as 'float32', got float33/,
  });
  t.throws(() => make([2], 1, null, 'dense'), { message: /'layout' must be a layout such as/ });
  const clone = op('aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor');
  const stride = opValue('aten::stride.int(Tensor self, int dim) -> int');
  const image = zeros([1, 3, 4, 5]);
  t.equal(stride(clone(image, 'channels_last'), 1), 1);
  t.equal(stride(clone(image, 'contiguous_format'), 1), 20);
  t.throws(() => clone(image, 'rows'), {
    message: /'memory_format' must be a memory format such as/,
  });
});

test('when scalars are whole, fractions, booleans, complex or large, then none loses a bit', (t) => {
  const make = op(
    'aten::scalar_tensor(Scalar s, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor',
  );
  t.equal(make(2.5, 'float64').item(), 2.5);
  t.equal(make(-0, 'float64').toArray()[0], -0);
  t.equal(make(true, 'bool').toArray()[0], 1);
  const large = make(2n ** 62n + 1n, 'int64');
  t.equal(new BigInt64Array(large.toBytes())[0], 2n ** 62n + 1n);
  t.same([...new Float32Array(make([1.5, -2], 'complex64').toBytes())], [1.5, -2]);
  t.throws(() => make(2n ** 64n, 'int64'), { message: /'s' must be an integer of 64 bits/ });
  t.throws(() => make([1, 2, 3]), { message: /'s' must be a number/ });
  const item = opValue('aten::item(Tensor self) -> Scalar');
  t.equal(item(large), 2n ** 62n + 1n, 'beyond 2^53 a whole number comes back as a BigInt');
  t.same(item(make([1.5, -2], 'complex64')), [1.5, -2]);
  t.equal(item(make(true, 'bool')), true);
});

test('when values that are no tensors come back, then as JavaScript has them', (t) => {
  const x = abc();
  t.equal(opValue('aten::size.int(Tensor self, int dim) -> int')(x, -1), 3);
  t.equal(opValue('aten::sym_numel(Tensor self) -> SymInt')(x), 6);
  t.equal(opValue('aten::is_floating_point(Tensor self) -> bool')(x), true);
  t.equal(
    opValue('aten::q_scale(Tensor self) -> float')(
      op(
        'aten::quantize_per_tensor(Tensor self, float scale, int zero_point, ScalarType dtype) -> Tensor',
      )(x, 0.5, 0, 'qint8'),
    ),
    0.5,
  );
  const qscheme = opValue('aten::qscheme(Tensor self) -> QScheme');
  t.type(
    qscheme(
      op(
        'aten::quantize_per_tensor(Tensor self, float scale, int zero_point, ScalarType dtype) -> Tensor',
      )(x, 0.5, 0, 'qint8'),
    ),
    'number',
  );
  t.equal(
    opValue('aten::result_type.Tensor(Tensor tensor, Tensor other) -> ScalarType')(
      x,
      longTensor([1], [1]),
    ),
    6,
  );
  t.equal(
    opValue('aten::can_cast(ScalarType from_, ScalarType to) -> bool')('float64', 'int32'),
    false,
  );
  const undefinedOrNot = opMany(
    'aten::native_layer_norm_backward(Tensor grad_out, Tensor input, SymInt[] normalized_shape, Tensor mean, Tensor rstd, Tensor? weight, Tensor? bias, bool[3] output_mask) -> (Tensor, Tensor, Tensor)',
  );
  const [dx, dw] = undefinedOrNot(x, x, [3], zeros([2, 1]), full([2, 1], 1), null, null, [
    true,
    false,
    false,
  ]);
  t.same((dx as Tensor).shape, [2, 3]);
  t.equal(dw, null, 'an undefined tensor is null');
});

test('when lists of tensors, of maybe tensors, numbers, booleans and strings are given, then they arrive', (t) => {
  const x = abc();
  const stack = op('aten::stack(Tensor[] tensors, int dim=0) -> Tensor');
  t.same(stack([x, x], -1).shape, [2, 3, 2]);
  const index = op('aten::index.Tensor(Tensor self, Tensor?[] indices) -> Tensor');
  t.same(values(index(x, [null, longTensor([2, 0], [2])])), [3, 1, 6, 4]);
  t.throws(() => index(x, 5), { message: /'indices' must be an array of tensors or nulls/ });
  const foreach = opMany(
    'aten::_foreach_mul.ScalarList(Tensor[] self, Scalar[] scalars) -> Tensor[]',
  );
  t.same(
    (foreach([x, x], [2, 0.5]) as Tensor[]).map((y) => y.toArray()[5]),
    [12, 3],
  );
  const flips = op('aten::roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor');
  t.same(values(flips(x, [1, 1], [0, 1])), [6, 4, 5, 3, 1, 2]);
  t.same(values(flips(x, 1, 1)), [3, 1, 2, 6, 4, 5], 'one number stands for int[1]');
  t.same(values(flips(x, Int32Array.of(1), Float64Array.of(1))), [3, 1, 2, 6, 4, 5]);
  const upsample = op(
    'aten::upsample_nearest1d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor',
  );
  t.same(upsample(zeros([1, 1, 4]), null, [1.5]).shape, [1, 1, 6]);
  const einsum = op('aten::einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor');
  t.same(values(einsum('ij,ij->i', [x, x])), [14, 77]);
  t.throws(() => einsum(5, [x]), { message: /'equation' must be a string/ });
  const rounded = op(
    'aten::div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor',
  );
  t.same(values(rounded(x, 2, 'floor')), [0, 1, 1, 2, 2, 3]);
  const pointwise = op(
    'mkldnn::_linear_pointwise(Tensor X, Tensor W, Tensor? B, str attr, Scalar?[] scalars, str? algorithm) -> Tensor Y',
  );
  t.same(pointwise(x, zeros([4, 3]), null, 'none', [null, 1], '').shape, [2, 4]);
});

test('when a generator is given, then its stream is drawn from; another number is refused', (t) => {
  const draw = op(
    'aten::randperm.generator(SymInt n, *, Generator? generator, ScalarType? dtype=long, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor',
  );
  const [a, b] = [randomStream(5), randomStream(5)];
  t.same(values(draw(20, a.id)), values(draw(20, b.id)));
  t.notSame(values(draw(20, a.id)), values(draw(20, randomStream(6).id)));
  t.throws(() => draw(20, 1e6), { message: /'generator' must be a generator/ });
});

test('when an operator writes into what it is given, then that is changed', (t) => {
  const x = abc();
  const out = zeros([2, 3]);
  const addOut = op(
    'aten::add.out(Tensor self, Tensor other, *, Scalar alpha=1, Tensor(a!) out) -> Tensor(a!)',
  );
  addOut(x, x, 2, out);
  t.same(values(out), [3, 6, 9, 12, 15, 18]);
  op('aten::mul_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)')(x, 10);
  t.same(values(x), [10, 20, 30, 40, 50, 60]);
  opVoid('aten::_foreach_zero_(Tensor(a!)[] self) -> ()')([x, out]);
  t.same([...values(x), ...values(out)], Array(12).fill(0));
});

test('when an argument has a default, then leaving it out, undefined and the value itself are the same', (t) => {
  const add = op('aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor');
  const x = abc();
  for (const args of [
    [x, x],
    [x, x, undefined],
    [x, x, 1],
  ] as Argument[][]) {
    t.same(values(add(...args)), [2, 4, 6, 8, 10, 12]);
  }
  t.throws(() => add(x), { message: /'other' must be a tensor, got undefined/ });
  const flatten = op(
    'aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)',
  );
  t.same(flatten(x).shape, [6]);
  t.same(flatten(zeros([2, 3, 4]), 1n).shape, [2, 12]);
});
