// Uses of every operator that has a dimension rule, with the dimensions that are then the same.

/** One use of an operator: shapes of its parameters, and which of all dimensions are then the same. */
export interface Case {
  readonly op: string;
  /** `name: shape` of every tensor argument. */
  readonly inputs: readonly (readonly [name: string, ...shape: number[]])[];
  readonly attrs?: Record<string, unknown>;
  readonly outputs: readonly (readonly number[])[];
  /** One letter per factor of each dimension of the inputs and outputs, `·` for extent 1. */
  readonly tied: string;
}

const unary = (op: string): Case => ({
  op,
  inputs: [['self', 2, 3]],
  outputs: [[2, 3]],
  tied: 'a b → a b',
});
const binary = (op: string): Case => ({
  op,
  inputs: [
    ['self', 2, 1, 4],
    ['other', 3, 4],
  ],
  outputs: [[2, 3, 4]],
  tied: 'a · b , c b → a c b',
});
const reduce = (op: string): Case => ({
  op,
  inputs: [['self', 2, 3, 4]],
  attrs: { dim: [-1], keepdim: false },
  outputs: [[2, 3]],
  tied: 'a b c → a b',
});
const softmax = (op: string): Case => ({ ...unary(op), attrs: { dim: -1 } });

export const cases: readonly Case[] = [
  ...['relu', 'gelu', 'silu', 'tanh', 'sigmoid', 'exp', 'cos', 'sin', 'neg', 'abs'].map(unary),
  ...['sqrt', 'rsqrt', 'contiguous', 'clone', 'detach', 'mul.Scalar', 'div.Scalar'].map(unary),
  ...['add.Scalar', 'sub.Scalar', 'to.dtype', 'to.device'].map(unary),
  { ...unary('pow.Tensor_Scalar'), attrs: { exponent: 2 } },
  { ...unary('dropout'), inputs: [['input', 2, 3]] },
  ...['softmax.int', '_softmax', 'log_softmax.int'].map(softmax),
  ...['add.Tensor', 'sub.Tensor', 'mul.Tensor', 'div.Tensor'].map(binary),
  ...['sum.dim_IntList', 'mean.dim'].map(reduce),
  {
    ...reduce('mean.dim'),
    attrs: { dim: null, keepdim: true },
    outputs: [[1, 1, 1]],
    tied: 'a b c → · · ·',
  },
  ...['view', 'reshape', 'flatten.using_ints', 'unflatten.int'].map((op): Case => ({
    op,
    inputs: [['self', 2, 1, 12, 5, 3]],
    outputs: [[2, 3, 4, 15, 1]],
    tied: 'a · (bc) d e → a b c (de) ·',
  })),
  {
    op: 'transpose.int',
    inputs: [['self', 2, 3, 4]],
    attrs: { dim0: 1, dim1: -1 },
    outputs: [[2, 4, 3]],
    tied: 'a b c → a c b',
  },
  { op: 't', inputs: [['self', 2, 3]], outputs: [[3, 2]], tied: 'a b → b a' },
  {
    op: 'permute',
    inputs: [['self', 2, 3, 4]],
    attrs: { dims: [2, 0, -2] },
    outputs: [[4, 2, 3]],
    tied: 'a b c → c a b',
  },
  {
    op: 'unsqueeze',
    inputs: [['self', 2, 3]],
    attrs: { dim: -1 },
    outputs: [[2, 3, 1]],
    tied: 'a b → a b ·',
  },
  {
    op: 'squeeze.dim',
    inputs: [['self', 2, 1, 3]],
    attrs: { dim: -2 },
    outputs: [[2, 3]],
    tied: 'a · b → a b',
  },
  {
    op: 'squeeze.dim',
    inputs: [['self', 2, 3]],
    attrs: { dim: 0 },
    outputs: [[2, 3]],
    tied: 'a b → a b',
  },
  {
    op: 'expand',
    inputs: [['self', 2, 1, 3]],
    outputs: [[5, 2, 4, 3]],
    tied: 'a · b → c a d b',
  },
  {
    op: 'slice.Tensor',
    inputs: [['self', 2, 9]],
    attrs: { dim: -1, start: -7, end: 4, step: 1 },
    outputs: [[2, 2]],
    tied: 'a [bcd] → a c',
  },
  {
    op: 'slice.Tensor',
    inputs: [['self', 2, 9]],
    attrs: { dim: 1, start: 0, end: 9, step: 2 },
    outputs: [[2, 5]],
    tied: 'a b → a c',
  },
  ...['chunk', 'split.Tensor', 'split_with_sizes'].map((op): Case => ({
    op,
    inputs: [['self', 2, 8]],
    attrs: { dim: -1 },
    outputs: [
      [2, 5],
      [2, 3],
    ],
    tied: 'a [bc] → a b , a c',
  })),
  {
    op: 'select.int',
    inputs: [['self', 2, 3, 4]],
    attrs: { dim: 1, index: 0 },
    outputs: [[2, 4]],
    tied: 'a b c → a c',
  },
  {
    op: 'cat',
    inputs: [
      ['tensors', 2, 3],
      ['tensors', 2, 4],
    ],
    attrs: { dim: -1 },
    outputs: [[2, 7]],
    tied: 'a b , a c → a [bc]',
  },
  {
    op: 'repeat_interleave.self_int',
    inputs: [['self', 2, 3]],
    attrs: { repeats: 4, dim: 1, output_size: null },
    outputs: [[2, 12]],
    tied: 'a b → a (bc)',
  },
  {
    op: 'linear',
    inputs: [
      ['input', 2, 5, 3],
      ['weight', 4, 3],
      ['bias', 4],
    ],
    outputs: [[2, 5, 4]],
    tied: 'a b c , d c , d → a b d',
  },
  {
    op: 'matmul',
    inputs: [
      ['self', 2, 5, 3],
      ['other', 3, 4],
    ],
    outputs: [[2, 5, 4]],
    tied: 'a b c , c d → a b d',
  },
  {
    op: 'matmul',
    inputs: [
      ['self', 2, 6, 5, 3],
      ['other', 2, 6, 3, 4],
    ],
    outputs: [[2, 6, 5, 4]],
    tied: 'a b c d , a b d e → a b c e',
  },
  {
    op: 'matmul',
    inputs: [
      ['self', 2, 5, 3],
      ['other', 3],
    ],
    outputs: [[2, 5]],
    tied: 'a b c , c → a b',
  },
  {
    op: 'bmm',
    inputs: [
      ['self', 2, 5, 3],
      ['mat2', 2, 3, 4],
    ],
    outputs: [[2, 5, 4]],
    tied: 'a b c , a c d → a b d',
  },
  {
    op: 'mm',
    inputs: [
      ['self', 5, 3],
      ['mat2', 3, 4],
    ],
    outputs: [[5, 4]],
    tied: 'a b , b c → a c',
  },
  {
    op: 'addmm',
    inputs: [
      ['self', 4],
      ['mat1', 5, 3],
      ['mat2', 3, 4],
    ],
    outputs: [[5, 4]],
    tied: 'a , b c , c a → b a',
  },
  {
    op: 'embedding',
    inputs: [
      ['weight', 9, 4],
      ['indices', 2, 5],
    ],
    outputs: [[2, 5, 4]],
    tied: 'a b , c d → c d b',
  },
  ...['rms_norm', 'layer_norm'].map((op): Case => ({
    op,
    inputs: [
      ['input', 2, 5, 4],
      ['weight', 4],
    ],
    attrs: { normalized_shape: [4] },
    outputs: [[2, 5, 4]],
    tied: 'a b c , c → a b c',
  })),
  {
    op: 'scaled_dot_product_attention',
    inputs: [
      ['query', 2, 6, 5, 4],
      ['key', 2, 3, 7, 4],
      ['value', 2, 3, 7, 8],
    ],
    attrs: { enable_gqa: true },
    outputs: [[2, 6, 5, 8]],
    tied: 'a (bc) d e , a b f e , a b f g → a (bc) d g',
  },
];
