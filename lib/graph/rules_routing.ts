// Dimension rules of operators that choose: the largest of a dimension, and writing to chosen places.
import type { Dim } from './atoms.js';
import { type Rule, type RuleContext, dimOf, fromFront, withDim } from './rule.js';

/** Values and indices of the k largest: `… e → … k, … k`. */
function topk({ atoms, input, integer }: RuleContext): Dim[][] {
  const { dims } = input('self');
  const dim = fromFront(integer('dim'), dims.length);
  atoms.mark(dims[dim] as Dim, 'indexed');
  const chosen = withDim(dims, dim, atoms.fresh(integer('k')));
  return [chosen, [...chosen]];
}

/** `… e, … k, … k → … e`: places along one dimension are written to; all others are the same in all three. */
function scatter({ atoms, input, integer, shapes }: RuleContext): Dim[][] {
  const [self, index, src] = [input('self'), input('index'), input('src')];
  const along = fromFront(integer('dim'), shapes[0]?.length ?? 0);
  atoms.mark(dimOf(self, along), 'indexed');
  atoms.tie(dimOf(index, along), dimOf(src, along));
  self.dims.forEach((dim, d) => {
    for (const { dims, derived } of [index, src]) {
      if (d !== along) atoms.tie(dim, dims[d] as Dim);
      if (!derived) atoms.mark(dims[d] as Dim, 'constant');
    }
  });
  return [[...self.dims]];
}

export const routingRules = {
  'aten::topk': { dims: topk, algebra: { kind: 'none' } },
  'aten::scatter.src': { dims: scatter, algebra: { kind: 'sum' } },
  'aten::zeros_like': {
    dims: ({ input }) => [[...input('self').dims]],
    algebra: { kind: 'linear', input: 'self' },
  },
} satisfies Record<string, Rule>;
