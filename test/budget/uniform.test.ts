// Rule `layer` with the costs of a traced model.
import t from 'tap';
import { type Allocation, type BudgetOptions, allocate } from '../../lib/budget/allocate.js';
import { partition } from '../../lib/groups/partition.js';
import { Costs } from '../../lib/plan/costs.js';
import { type Target, parseTarget } from '../../lib/plan/target.js';
import { type LlamaShape, symbolicLlama } from '../groups/symbolic_llama.js';

function costsOf(shape: LlamaShape, use = { context: 2048, batch: 1, bytes: 2 }): Costs {
  const graph = symbolicLlama({ rank: 0, ...shape });
  return new Costs(graph, partition(graph), use);
}

/** One unit of each group may be all that stays. */
const widthsFor = (
  costs: Costs,
  target: Target,
  options: Omit<BudgetOptions, 'target' | 'rule'> = {},
): Allocation => allocate(costs, { target, rule: 'layer', floor: 0, ...options });

const small: LlamaShape = {
  ...{ layers: 3, width: 64, heads: 8, kvHeads: 4, headDim: 8, channels: 172, vocabulary: 512 },
};
const llama7B: LlamaShape = {
  ...{ layers: 32, width: 4096, heads: 32, kvHeads: 32, headDim: 128 },
  ...{ channels: 11008, vocabulary: 32000 },
};

/**
 * [heads, channels] by the rule in words: heads as near as can be to the share that both kinds lose alike, among those
 * with which the nearest number of channels meets the target.
 */
function expected({ partition, total }: Costs, ratio: number): [number, number] {
  const { groups } = partition;
  const of = (kind: string): { units: number; cost: number } => {
    const own = groups.filter((group) => group.kind === kind);
    return { units: own[0]?.units ?? 0, cost: own.reduce((sum, { cost }) => sum + cost, 0) };
  };
  const [heads, channels] = [of('attention_heads'), of('mlp_channels')];
  const aim = ratio * total.parameters;
  const even = (aim * heads.units) / (heads.units * heads.cost + channels.units * channels.cost);
  const wished = Math.min(heads.units - 1, Math.round(even));
  const found = Array.from({ length: heads.units }, (_, h): [number, number] => {
    const c = Math.round((aim - h * heads.cost) / channels.cost);
    return [h, Math.min(Math.max(c, h > 0 ? 0 : 1), channels.units - 1)];
  }).filter(([h, c]) => {
    const gone = h * heads.cost + c * channels.cost;
    return Math.abs(gone - aim) <= 0.005 * total.parameters;
  });
  const far = ([h]: [number, number]): number => Math.abs(h - wished) + Math.abs(h - even) * 1e-3;
  return found.reduce((a, b) => (far(b) < far(a) ? b : a));
}

t.test('when a share of the parameters is asked, then both kinds lose most alike', (t) => {
  const costs = costsOf(small);
  for (let ratio = 0.01; ratio < 0.62; ratio += 0.01) {
    const found = widthsFor(costs, { measure: 'parameters', ratio });
    const [heads, channels] = expected(costs, ratio);
    t.equal(found.kvHeadsRemovedPerLayer, heads, `${ratio}`);
    t.equal(found.channelsRemovedPerLayer, channels, `${ratio}`);
    t.ok(Math.abs(found.achieved - found.parameters / costs.total.parameters) < 1e-12);
  }
  t.end();
});

t.test('when channels are rounded, then LLaMA-7B keeps multiples and the nearest share', (t) => {
  const costs = costsOf(llama7B);
  const found = widthsFor(costs, parseTarget('0.2'), { roundChannelsTo: 128, kvHeads: 0 });
  t.match(found, { kvHeads: 32, channels: 7552 }); // conventions.md: 5.379B, −20.2 %
  t.equal(found.after.parameters, 5_379_461_120);
  for (const roundChannelsTo of [32, 256]) {
    const { channels } = widthsFor(costs, parseTarget('0.5'), { roundChannelsTo });
    t.equal((channels ?? NaN) % roundChannelsTo, 0);
  }
  t.end();
});

t.test('when another measure is the target, then it is met, and every measure is told', (t) => {
  const costs = costsOf(llama7B);
  const kv = widthsFor(costs, parseTarget('kv=0.5'));
  t.match(kv, { kvHeads: 16, channels: 11008, ratios: { kvBytes: 0.5 } });
  t.ok(kv.ratios.parameters > 0.15 && kv.ratios.parameters < 0.17);
  const macs = widthsFor(costs, parseTarget('macs=0.3'));
  t.ok(Math.abs(macs.ratios.macs - 0.3) < 0.001);
  t.equal(macs.after.macs, costs.after(macs.counts).macs);
  t.end();
});

t.test('when a size is the target, then what is left is not above it, and hardly below', (t) => {
  const costs = costsOf(llama7B);
  for (const [text, most, roundChannelsTo] of [
    ['memory=12GB', 12e9, 1],
    ['memory=12GB', 12e9, 256],
    ['params=4B', 4e9, 1],
  ] as const) {
    const target = parseTarget(text);
    const { after } = widthsFor(costs, target, { roundChannelsTo });
    t.ok(after[target.measure] <= most && after[target.measure] > 0.95 * most, text);
  }
  const fits = widthsFor(costs, parseTarget('memory=80GB'));
  t.match(fits, { kvHeads: 32, channels: 11008, ratios: { memory: 0 } });
  t.end();
});

t.test('when a target is out of reach, then RATIO_UNREACHABLE has the nearest', (t) => {
  const costs = costsOf(small);
  for (const text of ['0.99', 'macs=0.99', 'params=1000', 'kv=0.99']) {
    t.throws(() => widthsFor(costs, parseTarget(text)), {
      code: 'RATIO_UNREACHABLE',
      facts: { nearest: Number },
    });
  }
  t.throws(() => widthsFor(costs, parseTarget('0.2'), { roundChannelsTo: 200 }), {
    code: 'CONFIG_INVALID',
  });
  t.throws(() => widthsFor(costs, parseTarget('0.2'), { kvHeads: 4 }), { code: 'CONFIG_INVALID' });
  t.end();
});
