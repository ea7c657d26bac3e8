import t from 'tap';
import { gradientStatistics } from '../../lib/calibration/gradients.js';
import { createContext } from '../../lib/context.js';
import type { GroupKind } from '../../lib/groups/group.js';
import type { TokenBatch } from '../../lib/train/language_model_loss.js';
import { oracleOf } from '../fixtures/families.js';
import { familyIn, slopeOf } from '../fixtures/scaled_units.js';
import { structuresOf } from '../fixtures/structures.js';

const kinds: GroupKind[] = [
  'attention_heads',
  'query_heads',
  'mlp_channels',
  'experts',
  'expert_channels',
  'residual',
];

for (const [family, why] of [
  ['gpt2', 'weights stored (in, out)'],
  ['phi3', 'fused projections'],
  ['falcon-new', 'query heads in slices of their own'],
  ['mixtral', 'experts'],
  ['gemma2', 'norms on both sides, tied embeddings'],
] as const) {
  t.test(`${family} (${why}): ⟨x, ∇⟩ of each unit is the slope of the loss along it`, async (t) => {
    using model = familyIn(family, 'float64');
    const [row = []] = oracleOf(family).tokens;
    const batch: TokenBatch = { ids: Int32Array.from(row), batch: 1, length: row.length };
    const groups = structuresOf(model, kinds).groups.filter(({ prunable }) => prunable);
    t.ok(groups.length > 3);
    const found = gradientStatistics(createContext(), model, groups, [batch]);
    for (const group of groups) {
      const units = [0, 1, group.units - 1];
      for (const part of ['all', 'producers'] as const) {
        const slopes = units.map((u) => slopeOf(model, group, u, batch, part, 1e-3));
        const size = Math.max(...slopes.map(Math.abs));
        units.forEach((u, i) => {
          const { inner = NaN } = found.get(group.id)?.[part][u] ?? {};
          const gap = Math.abs(inner - slopes[i]!);
          t.ok(gap <= 1e-3 * size + 1e-6, `${group.id} ${u} ${part}: ${inner}, ${slopes[i]}`);
        });
      }
    }
  });
}
