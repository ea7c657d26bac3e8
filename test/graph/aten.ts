// Calls any operator that has a dimension rule by the names of its schema, as libtorch computes it.
import { op, opMany } from '../../lib/tensor/op.js';
import type { Argument } from '../../lib/tensor/op.js';
import type { Tensor } from '../../lib/tensor/tensor.js';
import { schemaArguments } from '../../lib/trace/schema.js';

/** ATen's own lines: an argument that a rule reads by a wrong name is not there. */
const schemas = [
  'aten::_softmax(Tensor self, int dim, bool half_to_float) -> Tensor',
  'aten::abs(Tensor self) -> Tensor',
  'aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor',
  'aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor',
  'aten::addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor',
  'aten::bmm(Tensor self, Tensor mat2) -> Tensor',
  'aten::cat(Tensor[] tensors, int dim=0) -> Tensor',
  'aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]',
  'aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor',
  'aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=contiguous_format) -> Tensor(a)',
  'aten::cos(Tensor self) -> Tensor',
  'aten::detach(Tensor(a) self) -> Tensor(a)',
  'aten::div.Scalar(Tensor self, Scalar other) -> Tensor',
  'aten::div.Tensor(Tensor self, Tensor other) -> Tensor',
  'aten::dropout(Tensor input, float p, bool train) -> Tensor',
  'aten::embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor',
  'aten::exp(Tensor self) -> Tensor',
  'aten::expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)',
  'aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)',
  "aten::gelu(Tensor self, *, str approximate='none') -> Tensor",
  'aten::layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enable=True) -> Tensor',
  'aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor',
  'aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor',
  'aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor',
  'aten::matmul(Tensor self, Tensor other) -> Tensor',
  'aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor',
  'aten::mm(Tensor self, Tensor mat2) -> Tensor',
  'aten::mul.Scalar(Tensor self, Scalar other) -> Tensor',
  'aten::mul.Tensor(Tensor self, Tensor other) -> Tensor',
  'aten::neg(Tensor self) -> Tensor',
  'aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)',
  'aten::pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor',
  'aten::relu(Tensor self) -> Tensor',
  'aten::repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor',
  'aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)',
  'aten::rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor',
  'aten::rsqrt(Tensor self) -> Tensor',
  'aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor',
  'aten::scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor',
  'aten::select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)',
  'aten::sigmoid(Tensor self) -> Tensor',
  'aten::silu(Tensor self) -> Tensor',
  'aten::sin(Tensor self) -> Tensor',
  'aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)',
  'aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor',
  'aten::split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]',
  'aten::split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]',
  'aten::sqrt(Tensor self) -> Tensor',
  'aten::squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)',
  'aten::sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor',
  'aten::sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor',
  'aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor',
  'aten::t(Tensor(a) self) -> Tensor(a)',
  'aten::tanh(Tensor self) -> Tensor',
  'aten::to.device(Tensor(a) self, Device device, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)',
  'aten::to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)',
  'aten::topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)',
  'aten::transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)',
  'aten::unflatten.int(Tensor(a) self, int dim, SymInt[] sizes) -> Tensor(a)',
  'aten::unsqueeze(Tensor(a) self, int dim) -> Tensor(a)',
  'aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)',
  'aten::zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor',
] as const;

type Schema = (typeof schemas)[number];
/** `view`, `slice.Tensor`: without `aten::`. */
export type AtenName = Schema extends infer S
  ? S extends `aten::${infer Name}(${string}`
    ? Name
    : never
  : never;

type Call = (...args: Argument[]) => Tensor[];

const operators = new Map(
  schemas.map((schema): [string, { schema: Schema; call: Call }] => {
    const single = op(schema);
    const call: Call = /\[\]$|-> \(/.test(schema)
      ? (opMany(schema) as Call)
      : (...args: Argument[]) => [single(...args)];
    return [schema.slice('aten::'.length, schema.indexOf('(')), { schema, call }];
  }),
);

export type Attributes = Readonly<Record<string, Argument>>;

/** Runs the operator on `tensors` (several of one name are a list), all other arguments by name. */
export function callAten(
  name: AtenName,
  tensors: readonly (readonly [name: string, tensor: Tensor])[],
  attributes: Attributes = {},
): Tensor[] {
  const { schema, call } = operators.get(name)!;
  const known = schemaArguments(schema);
  const open = new Set([...tensors.map(([n]) => n), ...Object.keys(attributes)]);
  const args = known.map(({ name: argument, tensor, fallback }): Argument => {
    open.delete(argument);
    if (!tensor) return attributes[argument] ?? (fallback as Argument);
    const given = tensors.filter(([n]) => n === argument).map(([, value]) => value);
    return schema.includes(`Tensor[] ${argument}`) ? given : (given[0] ?? null);
  });
  if (open.size > 0) throw new Error(`${name} has no ${[...open].join(', ')}`);
  // A literal such as contiguous_format is libtorch's to fill in.
  const last = known.findLastIndex(({ name: n, tensor }) => tensor || n in attributes);
  return call(...args.slice(0, last + 1));
}
