// Dimension rules of contractions, normalisations, lookups and attention.
import { LoraShearError } from '../errors.js';
import type { Dim } from './atoms.js';
import { type Operand, type Rule, type RuleContext, dimOf } from './rule.js';

/** `… i, o i, o? → … o` */
function linear(context: RuleContext): Dim[][] {
  const { atoms, input, optional } = context;
  const x = input('input');
  const weight = input('weight');
  const bias = optional('bias');
  contract(context, x, -1, weight, 1);
  context.role(weight, 0, 'producer');
  context.role(weight, 1, 'consumer');
  if (bias) atoms.tie(dimOf(weight, 0), dimOf(bias, 0));
  return [[...x.dims.slice(0, -1), dimOf(weight, 0)]];
}

/** Ties the two dimensions an operator sums over, as far as both belong to the model. */
function contract(context: RuleContext, a: Operand, da: number, b: Operand, db: number): void {
  if (a.derived && b.derived) {
    context.atoms.tie(dimOf(a, da), dimOf(b, db));
  } else {
    const [own, d] = a.derived ? [a, da] : [b, db];
    context.atoms.mark(dimOf(own, d), 'constant');
  }
  for (const [operand, d, other] of [
    [a, da, b],
    [b, db, a],
  ] as const) {
    if (operand.value.kind !== 'parameter') context.sink(operand, d, other);
  }
}

/** `… i, i o → … o`, and batched `… m i, … i n → … m n`; two activations are attention written out. */
function matmul(context: RuleContext, left: Operand, right: Operand): Dim[][] {
  const { atoms } = context;
  const vector = right.dims.length === 1;
  contract(context, left, -1, right, vector ? 0 : -2);
  context.role(right, vector ? 0 : right.dims.length - 2, 'consumer');
  if (!vector) context.role(right, right.dims.length - 1, 'producer');
  const rows = left.dims.slice(-2, -1);
  const columns = vector ? [] : right.dims.slice(-1);
  const leftBatch = left.dims.slice(0, -2);
  const rightBatch = right.dims.slice(0, -2);
  const attention = rightBatch.length > 0;
  const batch = Array.from({ length: Math.max(leftBatch.length, rightBatch.length) }, (_, i) => {
    const a = leftBatch.at(i - Math.max(leftBatch.length, rightBatch.length));
    const b = rightBatch.at(i - Math.max(leftBatch.length, rightBatch.length));
    const both = a !== undefined && b !== undefined && a.length > 0 && b.length > 0;
    if (both) atoms.tie(a, b);
    const dim = (a?.length ?? 0) > 0 ? (a as Dim) : (b ?? a ?? []);
    if (attention) atoms.mark(dim, 'head');
    return dim;
  });
  if (attention) {
    atoms.mark(dimOf(left, -1), 'query_key_width');
    if (!vector) atoms.mark(dimOf(right, -1), 'value_width');
  }
  return [[...batch, ...rows, ...columns]];
}

function addmm(context: RuleContext): Dim[][] {
  const bias = context.input('self');
  const result = matmul(context, context.input('mat1'), context.input('mat2'));
  context.atoms.tie(result[0]?.at(-1) as Dim, dimOf(bias, -1));
  return result;
}

/** `v c → … c`; the rows are looked up. */
function embedding({ atoms, input, role }: RuleContext): Dim[][] {
  const weight = input('weight');
  const indices = input('indices');
  const tokens = indices.value.kind !== 'constant';
  atoms.mark(dimOf(weight, 0), tokens ? 'token_lookup' : 'position_lookup');
  if (tokens) atoms.mark(dimOf(weight, 1), 'token_vector');
  role(weight, 0, 'consumer');
  role(weight, 1, 'producer');
  return [[...indices.dims, dimOf(weight, 1)]];
}

/** `… c, c → … c` with a mean over c; a root mean square is a mean that a cut can make up for. */
function norm({ atoms, input, optional, node }: RuleContext): Dim[][] {
  const x = input('input');
  const over = (node.attrs['normalized_shape'] as readonly number[]).length;
  x.dims.slice(-over).forEach((dim, i) => {
    atoms.mark(dim, node.op === 'aten::rms_norm' ? 'root_mean_square' : 'normalised');
    for (const scale of [optional('weight'), optional('bias')]) {
      if (scale) atoms.tie(dim, scale.dims[i] as Dim);
    }
  });
  return [[...x.dims]];
}

/** `… h t d, … k s d, … k s e → … h t e`; with grouped heads h = (k g). */
function attention({ atoms, input, optional, node }: RuleContext): Dim[][] {
  const [q, k, v] = [input('query'), input('key'), input('value')] as const;
  const [heads, kvHeads] = [dimOf(q, -3), dimOf(k, -3)];
  const groups = atoms.extent(heads) / atoms.extent(kvHeads);
  if (groups !== 1 && node.attrs['enable_gqa'] !== true) {
    throw new LoraShearError(
      'GRAPH_INVALID',
      `attention at ${node.module} has ${atoms.extent(heads)} query and ${atoms.extent(kvHeads)} key heads without enable_gqa`,
    );
  }
  atoms.tie(heads, [...kvHeads, ...atoms.fresh(groups)]);
  atoms.tie(kvHeads, dimOf(v, -3));
  atoms.tie(dimOf(q, -1), dimOf(k, -1));
  atoms.tie(dimOf(k, -2), dimOf(v, -2));
  q.dims.slice(0, -3).forEach((dim, i) => {
    atoms.tie(dim, k.dims[i] as Dim);
    atoms.tie(dim, v.dims[i] as Dim);
  });
  atoms.mark(heads, 'head');
  atoms.mark(dimOf(q, -1), 'query_key_width');
  atoms.mark(dimOf(v, -1), 'value_width');
  const mask = optional('attn_mask');
  const weights = [...q.dims.slice(0, -1), dimOf(k, -2)]; // … h t s
  mask?.dims.toReversed().forEach((dim, fromBack) => {
    const met = weights.at(-1 - fromBack);
    if (met === undefined || atoms.extent(dim) === 1) return;
    if (mask.derived) atoms.tie(dim, met);
    else atoms.mark(met, 'constant');
  });
  return [[...q.dims.slice(0, -1), dimOf(v, -1)]];
}

const affine = { kind: 'affine', input: 'input', weight: 'weight', bias: 'bias' } as const;

export const networkRules = {
  'aten::linear': { dims: linear, algebra: { ...affine, exact: true } },
  'aten::matmul': {
    dims: (context) => matmul(context, context.input('self'), context.input('other')),
    algebra: { kind: 'product' },
  },
  'aten::bmm': {
    dims: (context) => matmul(context, context.input('self'), context.input('mat2')),
    algebra: { kind: 'product' },
  },
  'aten::mm': {
    dims: (context) => matmul(context, context.input('self'), context.input('mat2')),
    algebra: { kind: 'product' },
  },
  'aten::addmm': {
    dims: addmm,
    algebra: { kind: 'affine', input: 'mat1', weight: 'mat2', bias: 'self', exact: true },
  },
  'aten::embedding': { dims: embedding, algebra: { kind: 'linear', input: 'weight' } },
  'aten::rms_norm': { dims: norm, algebra: { ...affine, exact: false } },
  'aten::layer_norm': { dims: norm, algebra: { ...affine, exact: false } },
  'aten::scaled_dot_product_attention': {
    dims: attention,
    algebra: { kind: 'linear', input: 'value' },
  },
} satisfies Record<string, Rule>;
