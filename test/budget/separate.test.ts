// Rules `global` and `kind` against all vectors of counts of tiny partitions.
import t from 'tap';
import { type AllocationRule, allocate } from '../../lib/budget/allocate.js';
import type { CostModel } from '../../lib/budget/goal.js';
import type { Importance } from '../../lib/budget/importance.js';
import { type NodeGroup, cuttableKinds } from '../../lib/groups/group.js';
import { partition } from '../../lib/groups/partition.js';
import { Costs } from '../../lib/plan/costs.js';
import { groupOf, linearCosts } from '../fixtures/linear_costs.js';
import { symbolicLlama } from '../groups/symbolic_llama.js';

function randomly(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

/** Convex curves; `scale` by kind, so that kinds differ. */
function convex(groups: readonly NodeGroup[], seed: number): Importance {
  const random = randomly(seed);
  return new Map(
    groups.map(({ id, units }) => {
      const slopes = Array.from({ length: units }, random).sort((a, b) => a - b);
      const scale = 0.1 + random();
      const damage = new Float64Array(units + 1);
      slopes.forEach((slope, k) => (damage[k + 1] = (damage[k] ?? 0) + scale * slope));
      return [id, damage];
    }),
  );
}

const damageOf = (importance: Importance, counts: ReadonlyMap<string, number>): number =>
  [...counts].reduce((sum, [id, count]) => sum + (importance.get(id)?.[count] ?? NaN), 0);

/** All vectors of counts that leave a unit of each group. */
function* vectors(groups: readonly NodeGroup[]): Generator<Map<string, number>> {
  const counts = groups.map(() => 0);
  for (;;) {
    yield new Map(groups.map(({ id }, i) => [id, counts[i] ?? 0]));
    let i = 0;
    while (i < groups.length && counts[i] === (groups[i]?.units ?? 0) - 1) counts[i++] = 0;
    if (i === groups.length) return;
    counts[i] = (counts[i] ?? 0) + 1;
  }
}

/** Least damage of all vectors that save at least as much. */
function optimum(
  costs: CostModel,
  groups: NodeGroup[],
  importance: Importance,
  left: number,
): number {
  let best = Infinity;
  for (const counts of vectors(groups)) {
    const damage = damageOf(importance, counts);
    if (damage < best && costs.after(counts).parameters <= left) best = damage;
  }
  return best;
}

const largestStep = (importance: Importance): number =>
  Math.max(...[...importance.values()].map((d) => (d.at(-2) ?? 0) - (d.at(-3) ?? 0)));

const tiny = {
  groups: [
    ...[groupOf('attention_heads', 0, 4, 50), groupOf('mlp_channels', 0, 9, 11)],
    ...[groupOf('attention_heads', 1, 3, 50), groupOf('mlp_channels', 1, 12, 11)],
    groupOf('residual', null, 6, 23),
  ],
  parameters: 1000,
  fingerprint: '',
};

t.test('when costs add up, then `global` does least damage of all that saves as much', (t) => {
  const costs = linearCosts(tiny);
  for (let seed = 1; seed <= 12; seed++) {
    const importance = convex(tiny.groups, seed * 31);
    for (const ratio of [0.1, 0.25, 0.4, 0.55]) {
      const target = { measure: 'parameters', ratio } as const;
      const found = allocate(costs, { target, rule: 'global', importance, floor: 0 });
      t.ok(Math.abs(found.achieved - ratio) <= 0.005 + 1e-9, `${seed} ${ratio}: ${found.achieved}`);
      const best = optimum(costs, tiny.groups, importance, found.after.parameters);
      t.ok((found.damage ?? NaN) >= best - 1e-12);
      t.ok((found.damage ?? NaN) <= best + largestStep(importance), `${found.damage} of ${best}`);
      t.equal(found.damage, damageOf(importance, found.counts));
    }
  }
  t.end();
});

t.test('when all steps cost the same, then `global` is the optimum itself', (t) => {
  const groups = [0, 1, 2].map((layer) => groupOf('mlp_channels', layer, 8, 10));
  const costs = linearCosts({ groups, parameters: 400, fingerprint: '' });
  for (let seed = 1; seed <= 20; seed++) {
    const importance = convex(groups, seed * 77);
    const target = { measure: 'parameters', ratio: 0.25 } as const;
    const found = allocate(costs, { target, rule: 'global', importance, floor: 0 });
    t.equal(found.parameters, 100);
    const best = optimum(costs, groups, importance, 300);
    t.ok(Math.abs((found.damage ?? NaN) - best) < 1e-12, `${found.damage} of ${best}`);
  }
  t.end();
});

t.test('when costs interact, then `global` is near the optimum of a traced model', (t) => {
  const graph = symbolicLlama({
    rank: 0,
    layers: 1,
    channels: 8,
    heads: 4,
    kvHeads: 4,
    vocabulary: 40,
  });
  const kinds = ['attention_heads', 'mlp_channels', 'residual'] as const;
  const costs = new Costs(graph, partition(graph, { kinds }), { context: 8, batch: 1, bytes: 4 });
  const groups = costs.partition.groups.filter(({ prunable }) => prunable);
  t.same(new Set(groups.map(({ kind }) => kind)), new Set(kinds));
  for (let seed = 1; seed <= 6; seed++) {
    const importance = convex(groups, seed * 101);
    for (const ratio of [0.2, 0.5]) {
      const target = { measure: 'parameters', ratio } as const;
      let found;
      try {
        found = allocate(costs, { target, rule: 'global', importance, floor: 0 });
      } catch {
        // A toy has too few combinations for every share.
        continue;
      }
      const best = optimum(costs, groups, importance, found.after.parameters);
      t.ok(
        (found.damage ?? NaN) <= best + 2 * largestStep(importance),
        `${found.damage} of ${best}`,
      );
    }
  }
  t.end();
});

t.test('when kinds are budgeted apart, then each loses the same share of what it holds', (t) => {
  const groups = [0, 1, 2, 3].flatMap((layer) => [
    groupOf('attention_heads', layer, 16, 40),
    groupOf('mlp_channels', layer, 200, 8),
  ]);
  const costs = linearCosts({ groups, parameters: 10_000, fingerprint: '' });
  // Heads matter so much more that `global` would not touch them.
  const importance = new Map(
    [...convex(groups, 5)].map(([id, damage]) => [
      id,
      id.includes('heads') ? damage.map((d) => d * 1e6) : damage,
    ]),
  );
  const lost = (rule: AllocationRule): number[] => {
    const target = { measure: 'parameters', ratio: 0.3 } as const;
    const { counts, achieved } = allocate(costs, { target, rule, importance });
    t.ok(Math.abs(achieved - 0.3) <= 0.005 + 1e-9);
    return (['attention_heads', 'mlp_channels'] as const).map((kind) => {
      const own = groups.filter((group) => group.kind === kind);
      const units = own.reduce((sum, group) => sum + group.units, 0);
      return own.reduce((sum, { id }) => sum + (counts.get(id) ?? 0), 0) / units;
    });
  };
  t.equal(lost('global')[0], 0);
  const whole = 4 * (16 * 40 + 200 * 8);
  for (const share of lost('kind'))
    t.ok(Math.abs(share - (0.3 * 10_000) / whole) < 0.02, `${share}`);
  t.end();
});

t.test('when bounds are set, then they hold in every group', (t) => {
  const experts = (layer: number): NodeGroup[] =>
    [0, 1, 2].map((e) => ({ ...groupOf('expert_channels', layer, 64, 5), id: `${layer}.${e}.c` }));
  const router = (layer: number): NodeGroup => ({ ...groupOf('experts', layer, 8, 30), least: 2 });
  const queries = { ...groupOf('query_heads', 0, 12, 10), blocks: 3 };
  const groups = [...experts(0), ...experts(1), router(0), router(1), queries];
  const costs = linearCosts({ groups, parameters: 3000, fingerprint: '' });
  const importance = convex(groups, 3);
  const spared = groups[6]?.id ?? '';
  for (const rule of ['global', 'kind'] as const) {
    const { counts, achieved } = allocate(costs, {
      ...{ target: { measure: 'parameters', ratio: 0.4 }, rule, importance },
      ...{ roundChannelsTo: 8, protected: new Set([spared]), floor: 0.25 },
    });
    t.ok(Math.abs(achieved - 0.4) <= 0.005 + 1e-9);
    t.notOk(counts.get(spared));
    for (const layer of [0, 1]) {
      const kept = new Set(experts(layer).map(({ id, units }) => units - (counts.get(id) ?? 0)));
      t.equal(kept.size, 1, 'the experts of a layer keep as many');
      t.equal(([...kept][0] ?? NaN) % 8, 0);
      t.ok(([...kept][0] ?? NaN) >= 16);
    }
    t.ok(8 - (counts.get(router(1).id) ?? 0) >= 2);
    t.equal((counts.get(queries.id) ?? 0) % 3, 0);
  }
  t.end();
});

t.test('when whole layers may go, then nothing inside them goes too, and one stays', (t) => {
  const graph = symbolicLlama({ rank: 0, layers: 4, channels: 40, heads: 8, kvHeads: 4 });
  const groups = partition(graph, { kinds: cuttableKinds });
  const costs = new Costs(graph, groups, { context: 8, batch: 1, bytes: 4 });
  const open = groups.groups.filter(({ prunable }) => prunable);
  const cheap = new Map(
    [...convex(open, 9)].map(([id, damage]) => {
      const whole = open.some((group) => group.id === id && group.kind === 'layer');
      return [id, whole ? damage.map((d) => d * 1e-3) : damage];
    }),
  );
  const target = { measure: 'parameters', ratio: 0.7 } as const;
  const { counts, achieved } = allocate(costs, { target, rule: 'global', importance: cheap });
  t.ok(Math.abs(achieved - 0.7) <= 0.005 + 1e-9);
  const gone = open.filter(({ id, kind }) => kind === 'layer' && (counts.get(id) ?? 0) > 0);
  t.ok(gone.length >= 1 && gone.length <= 3, `${gone.length} layers`);
  for (const { layer } of gone) {
    const inside = open.filter((group) => group.layer === layer && group.kind !== 'layer');
    t.ok(inside.length > 2 && inside.every(({ id }) => counts.get(id) === 0));
  }
  t.end();
});
