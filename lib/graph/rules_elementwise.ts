// Dimension rules of elementwise operators and of reductions.
import type { Dim } from './atoms.js';
import { type Algebra, type Rule, type RuleContext, dimOf, fromFront } from './rule.js';

/** Same letters tie, broadcast dimensions do not; a table from outside pins the dimensions it varies over. */
function broadcast({ atoms, inputs, shapes }: RuleContext): Dim[][] {
  const into = shapes[0] as readonly number[];
  return [
    into.map((extent, o) => {
      let result: Dim | undefined;
      let pinned = false;
      for (const { dims, value, derived } of inputs) {
        const d = o - into.length + dims.length;
        if (value.shape[d] !== extent || extent === 1) continue;
        if (!derived) pinned = true;
        else if (result) atoms.tie(result, dims[d] as Dim);
        else result = dims[d];
      }
      result ??= atoms.fresh(extent);
      if (pinned) atoms.mark(result, 'constant');
      return result;
    }),
  ];
}

function activation(context: RuleContext): readonly (readonly Dim[])[] {
  const result = broadcast(context);
  for (const dim of result[0] ?? []) context.atoms.mark(dim, 'activation');
  return result;
}

function softmax({ atoms, input, integer }: RuleContext): Dim[][] {
  const self = input('self');
  atoms.mark(dimOf(self, integer('dim')), 'softmax');
  return [[...self.dims]];
}

/** The reduced dimensions, counted from the front; null and an empty list mean all. */
function reduced({ input, node }: RuleContext): number[] {
  const { dims } = input('self');
  const given = node.attrs['dim'] as readonly number[] | number | null | undefined;
  const named = [given ?? []].flat();
  if (named.length === 0) return dims.map((_, d) => d);
  return named.map((d) => fromFront(d, dims.length));
}

function withoutReduced(context: RuleContext): Dim[][] {
  const over = reduced(context);
  const { dims } = context.input('self');
  if (context.node.attrs['keepdim'] === true) {
    return [dims.map((dim, d) => (over.includes(d) ? [] : dim))];
  }
  return [dims.filter((_, d) => !over.includes(d))];
}

function sum(context: RuleContext): Dim[][] {
  for (const d of reduced(context)) context.sink(context.input('self'), d);
  return withoutReduced(context);
}

function mean(context: RuleContext): Dim[][] {
  const self = context.input('self');
  for (const d of reduced(context)) context.atoms.mark(self.dims[d] as Dim, 'normalised');
  return withoutReduced(context);
}

const algebra = (kind: 'sum' | 'product' | 'quotient' | 'zero' | 'none'): Algebra => ({ kind });
const linear: Algebra = { kind: 'linear', input: 'self' };
const vanishing: Rule = { dims: activation, algebra: algebra('zero') };
const unbounded: Rule = { dims: activation, algebra: algebra('none') };

export const elementwiseRules = {
  'aten::add.Tensor': { dims: broadcast, algebra: algebra('sum') },
  'aten::sub.Tensor': { dims: broadcast, algebra: algebra('sum') },
  'aten::mul.Tensor': { dims: broadcast, algebra: algebra('product') },
  'aten::div.Tensor': { dims: broadcast, algebra: algebra('quotient') },
  'aten::mul.Scalar': { dims: broadcast, algebra: linear },
  'aten::div.Scalar': { dims: broadcast, algebra: linear },
  'aten::neg': { dims: broadcast, algebra: linear },
  'aten::add.Scalar': { dims: broadcast, algebra: algebra('none') },
  'aten::sub.Scalar': { dims: broadcast, algebra: algebra('none') },
  'aten::abs': { dims: broadcast, algebra: algebra('zero') },
  'aten::sqrt': { dims: broadcast, algebra: algebra('zero') },
  'aten::pow.Tensor_Scalar': {
    dims: broadcast,
    algebra: ({ attrs }) => algebra(Number(attrs['exponent']) > 0 ? 'zero' : 'none'),
  },
  'aten::rsqrt': { dims: broadcast, algebra: algebra('none') },
  'aten::masked_fill.Scalar': {
    dims: broadcast,
    algebra: ({ attrs }) => (attrs['value'] === 0 ? linear : algebra('none')),
  },
  'aten::exp': unbounded,
  'aten::cos': unbounded,
  'aten::sin': vanishing,
  'aten::silu': vanishing,
  'aten::gelu': vanishing,
  'aten::relu': vanishing,
  'aten::tanh': vanishing,
  'aten::sigmoid': unbounded,
  'aten::softmax.int': { dims: softmax, algebra: algebra('none') },
  'aten::_softmax': { dims: softmax, algebra: algebra('none') },
  'aten::log_softmax.int': { dims: softmax, algebra: algebra('none') },
  'aten::sum.dim_IntList': { dims: sum, algebra: linear },
  'aten::mean.dim': { dims: mean, algebra: linear },
} satisfies Record<string, Rule>;
