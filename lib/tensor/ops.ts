// The operators in use, one line each: ATen's schema is the declaration (design §3.3).
import type { GeneratorId } from '../native/binding.js';
import { type DType, dtypeCode } from './dtype.js';
import { op, opMany } from './op.js';
import type { Tensor } from './tensor.js';

export * from './optimizer_ops.js';

type Dims = readonly number[];
type Num = number;
type Unary = (x: Tensor) => Tensor;
type Binary = (a: Tensor, b: Tensor, alpha?: Num) => Tensor;
type Reduce = (x: Tensor, dims: Dims | null, keepDim?: boolean) => Tensor;

// Shape
export const view = op('aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)') as (
  x: Tensor,
  size: Dims,
) => Tensor;
export const reshape = op('aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)') as (
  x: Tensor,
  shape: Dims,
) => Tensor;
const viewAsOp = op('aten::view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)');
/** The same bytes as elements of another type. */
export const viewAs = (x: Tensor, dtype: DType): Tensor => viewAsOp(x, dtypeCode(dtype));
export const transpose = op(
  'aten::transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)',
) as (x: Tensor, a: Num, b: Num) => Tensor;
export const permute = op('aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)') as (
  x: Tensor,
  dims: Dims,
) => Tensor;
export const unsqueeze = op('aten::unsqueeze(Tensor(a) self, int dim) -> Tensor(a)') as (
  x: Tensor,
  dim: Num,
) => Tensor;
export const slice = op(
  'aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)',
) as (x: Tensor, dim: Num, start: Num, end: Num) => Tensor;
export const cat = op('aten::cat(Tensor[] tensors, int dim=0) -> Tensor') as (
  xs: readonly Tensor[],
  dim: Num,
) => Tensor;
export const select = op(
  'aten::select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)',
) as (x: Tensor, dim: Num, index: Num) => Tensor;
/** Consecutive parts of these sizes along `dim`. */
export const split = opMany(
  'aten::split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]',
) as (x: Tensor, sizes: Dims, dim: Num) => Tensor[];
export const contiguous = op(
  'aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=contiguous_format) -> Tensor(a)',
) as Unary;
export const clone = op(
  'aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor',
) as Unary;
export const detach = op('aten::detach(Tensor(a) self) -> Tensor(a)') as Unary;
export const indexSelect = op(
  'aten::index_select(Tensor self, int dim, Tensor index) -> Tensor',
) as (x: Tensor, dim: Num, index: Tensor) => Tensor;
/** `x` with the slices of `from` at `index` (k) of dimension `dim`. */
export const indexCopy = op(
  'aten::index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor',
) as (x: Tensor, dim: Num, index: Tensor, from: Tensor) => Tensor;
/** `x` (…, E, …) with the values of `from` (…, k, …) at `index` (…, k, …) of dimension `dim`. */
export const scatter = op(
  'aten::scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor',
) as (x: Tensor, dim: Num, index: Tensor, from: Tensor) => Tensor;
export const diagonal = op(
  'aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)',
) as Unary;

// Making
const emptyOp = op(
  'aten::empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor',
);
const fullOp = op(
  'aten::full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor',
);
const arangeOp = op(
  'aten::arange.start(Scalar start, Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor',
);
const toOp = op(
  'aten::to.device(Tensor(a) self, Device device, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)',
);
const uniformOp = op(
  'aten::uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)',
);
const normalOp = op(
  'aten::normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor(a!)',
);
const bernoulliOp = op(
  'aten::bernoulli_.float(Tensor(a!) self, float p=0.5, *, Generator? generator=None) -> Tensor(a!)',
);
/** Uninitialised memory. */
export const empty = (shape: Dims, dtype: DType = 'float32', device = 'cpu'): Tensor =>
  emptyOp(shape, dtypeCode(dtype), null, device);
export const full = (shape: Dims, value: Num, dtype: DType = 'float32', device = 'cpu'): Tensor =>
  fullOp(shape, value, dtypeCode(dtype), null, device);
export const zeros = (shape: Dims, dtype: DType = 'float32', device = 'cpu'): Tensor =>
  full(shape, 0, dtype, device);
export const zerosLike = op(
  'aten::zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor',
) as Unary;
export const arange = (start: Num, end: Num, dtype: DType = 'int64', device = 'cpu'): Tensor =>
  arangeOp(start, end, dtypeCode(dtype), null, device);
export const to = (x: Tensor, device: string, dtype: DType): Tensor =>
  toOp(x, device, dtypeCode(dtype));
/** As {@link to}, for x in pinned memory: the host does not wait until it has arrived. */
export const toLater = (x: Tensor, device: string, dtype: DType): Tensor =>
  toOp(x, device, dtypeCode(dtype), true);
/** A copy in memory of the host that a GPU reads by itself. */
export const pinned = op(
  'aten::pin_memory(Tensor(a) self, Device? device=None) -> Tensor(a)',
) as Unary;
/** Fills in place with U(low, high). */
export const uniform_ = (x: Tensor, low: Num, high: Num, generator: GeneratorId): Tensor =>
  uniformOp(x, low, high, generator);
/** Fills in place with N(mean, std²). */
export const normal_ = (x: Tensor, mean: Num, std: Num, generator: GeneratorId): Tensor =>
  normalOp(x, mean, std, generator);
/** Fills in place with 1 at probability `p`, else 0. */
export const bernoulli_ = (x: Tensor, p: Num, generator: GeneratorId): Tensor =>
  bernoulliOp(x, p, generator);

// Arithmetic
export const add = op(
  'aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor',
) as Binary;
export const sub = op(
  'aten::sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor',
) as Binary;
export const mul = op('aten::mul.Tensor(Tensor self, Tensor other) -> Tensor') as (
  a: Tensor,
  b: Tensor,
) => Tensor;
export const div = op('aten::div.Tensor(Tensor self, Tensor other) -> Tensor') as (
  a: Tensor,
  b: Tensor,
) => Tensor;
export const scale = op('aten::mul.Scalar(Tensor self, Scalar other) -> Tensor') as (
  x: Tensor,
  by: Num,
) => Tensor;
export const shift = op(
  'aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor',
) as (x: Tensor, by: Num) => Tensor;
export const clampMax = op('aten::clamp_max(Tensor self, Scalar max) -> Tensor') as (
  x: Tensor,
  max: Num,
) => Tensor;
export const pow = op('aten::pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor') as (
  x: Tensor,
  exponent: Num,
) => Tensor;
export const abs = op('aten::abs(Tensor self) -> Tensor') as Unary;
export const sqrt = op('aten::sqrt(Tensor self) -> Tensor') as Unary;
export const rsqrt = op('aten::rsqrt(Tensor self) -> Tensor') as Unary;
export const exp = op('aten::exp(Tensor self) -> Tensor') as Unary;
export const cos = op('aten::cos(Tensor self) -> Tensor') as Unary;
export const sin = op('aten::sin(Tensor self) -> Tensor') as Unary;
export const neg = op('aten::neg(Tensor self) -> Tensor') as Unary;
export const silu = op('aten::silu(Tensor self) -> Tensor') as Unary;
export const relu = op('aten::relu(Tensor self) -> Tensor') as Unary;
export const tanh = op('aten::tanh(Tensor self) -> Tensor') as Unary;
export const sigmoid = op('aten::sigmoid(Tensor self) -> Tensor') as Unary;
const geluOp = op("aten::gelu(Tensor self, *, str approximate='none') -> Tensor");
/** x·Φ(x), exact or by its tanh approximation. */
export const gelu = (x: Tensor, approximate: 'none' | 'tanh'): Tensor => geluOp(x, approximate);
export const sum = op(
  'aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor',
) as Reduce;
export const mean = op(
  'aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor',
) as Reduce;
export const sumAll = op('aten::sum(Tensor self, *, ScalarType? dtype=None) -> Tensor') as Unary;
export const argmax = op(
  'aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor',
) as (x: Tensor, dim: Num) => Tensor;
/** The k largest along `dim`, largest first, and where they are. */
export const topk = opMany(
  'aten::topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)',
) as (x: Tensor, k: Num, dim: Num) => [values: Tensor, indices: Tensor];

// In place (never in a forward pass)
export const add_ = op(
  'aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)',
) as Binary;
export const scale_ = op('aten::mul_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)') as (
  x: Tensor,
  by: Num,
) => Tensor;
export const mul_ = op('aten::mul_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)') as (
  x: Tensor,
  by: Tensor,
) => Tensor;
export const zero_ = op('aten::zero_(Tensor(a!) self) -> Tensor(a!)') as Unary;
export const copy_ = op(
  'aten::copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)',
) as (x: Tensor, from: Tensor) => Tensor;
export const indexFill_ = op(
  'aten::index_fill_.int_Scalar(Tensor(a!) self, int dim, Tensor index, Scalar value) -> Tensor(a!)',
) as (x: Tensor, dim: Num, index: Tensor, value: Num) => Tensor;
export const indexAdd_ = op(
  'aten::index_add_(Tensor(a!) self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor(a!)',
) as (x: Tensor, dim: Num, index: Tensor, source: Tensor, alpha?: Num) => Tensor;

// Linear algebra
export const matmul = op('aten::matmul(Tensor self, Tensor other) -> Tensor') as (
  a: Tensor,
  b: Tensor,
) => Tensor;
export const linear = op(
  'aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor',
) as (x: Tensor, weight: Tensor, bias?: Tensor | null) => Tensor;
export const solve = op('aten::linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor') as (
  a: Tensor,
  b: Tensor,
) => Tensor;

// Networks
export const embedding = op(
  'aten::embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor',
) as (weight: Tensor, indices: Tensor) => Tensor;
export const rmsNorm = op(
  'aten::rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor',
) as (x: Tensor, shape: Dims, weight: Tensor, eps: Num) => Tensor;
export const layerNorm = op(
  'aten::layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enable=True) -> Tensor',
) as (x: Tensor, shape: Dims, weight: Tensor | null, bias: Tensor | null, eps: Num) => Tensor;
export const dropout = op('aten::dropout(Tensor input, float p, bool train) -> Tensor') as (
  x: Tensor,
  p: Num,
  train: boolean,
) => Tensor;
export const softmax = op(
  'aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor',
) as (x: Tensor, dim: Num) => Tensor;
export const logSoftmax = op(
  'aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor',
) as (x: Tensor, dim: Num) => Tensor;
export const multinomial = op(
  'aten::multinomial(Tensor self, SymInt num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor',
) as (p: Tensor, n: Num, replacement: boolean, generator: GeneratorId) => Tensor;
const sdpaOp = op(
  'aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor',
);
/**
 * q (B, H, T, D), k and v (B, K, S, D) with H a multiple of K; kv head i serves query heads i·H/K … Scores are
 * multiplied by `scale`, 1/√D where it is null.
 */
export const attention = (
  q: Tensor,
  k: Tensor,
  v: Tensor,
  mask: Tensor | null,
  causal: boolean,
  scale: Num | null = null,
): Tensor => sdpaOp(q, k, v, mask, 0, causal, scale, q.extent(1) !== k.extent(1));
const crossEntropyOp = op(
  'aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, float label_smoothing=0.0) -> Tensor',
);
/** logits (N, V), targets (N); targets of −100 do not count. Mean over the others, or one loss each. */
export const crossEntropy = (
  logits: Tensor,
  targets: Tensor,
  reduction: 'none' | 'mean' | 'sum' = 'mean',
): Tensor => crossEntropyOp(logits, targets, null, ['none', 'mean', 'sum'].indexOf(reduction));

const nllOp = op(
  'aten::nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor',
);
/** Mean of −log p over targets; log-probabilities (N, V), targets (N). */
export const nllLoss = (logProbabilities: Tensor, targets: Tensor): Tensor =>
  nllOp(logProbabilities, targets);

export const maskedFill = op(
  'aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor',
) as (x: Tensor, mask: Tensor, value: Num) => Tensor;
export const logicalNot = op('aten::logical_not(Tensor self) -> Tensor') as Unary;

export const stack = op('aten::stack(Tensor[] tensors, int dim=0) -> Tensor') as (
  xs: readonly Tensor[],
  dim: Num,
) => Tensor;
