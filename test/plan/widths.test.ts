import t from 'tap';
import { planWidths } from '../../lib/compress/plan.js';
import { partition } from '../../lib/groups/partition.js';
import { Costs } from '../../lib/plan/costs.js';
import { parseTarget } from '../../lib/plan/target.js';
import { widthsFor } from '../../lib/plan/widths.js';
import { type LlamaShape, symbolicLlama } from '../groups/symbolic_llama.js';

function costsOf(shape: LlamaShape, use = { context: 2048, batch: 1, bytes: 2 }): Costs {
  const graph = symbolicLlama({ rank: 0, ...shape });
  return new Costs(graph, partition(graph), use);
}

const small: LlamaShape = {
  ...{ layers: 3, width: 64, heads: 8, kvHeads: 4, headDim: 8, channels: 172, vocabulary: 512 },
};
const llama7B: LlamaShape = {
  ...{ layers: 32, width: 4096, heads: 32, kvHeads: 32, headDim: 128 },
  ...{ channels: 11008, vocabulary: 32000 },
};

t.test(
  "when a share of the parameters is asked without rounding, then the widths are the run's",
  (t) => {
    const costs = costsOf(small);
    for (let ratio = 0.01; ratio < 0.62; ratio += 0.01) {
      const expected = planWidths(costs.partition, ratio);
      const found = widthsFor(costs, { measure: 'parameters', ratio });
      t.equal(found.kvHeadsRemovedPerLayer, expected.kvHeadsRemovedPerLayer, `${ratio}`);
      t.equal(found.channelsRemovedPerLayer, expected.channelsRemovedPerLayer, `${ratio}`);
      t.ok(Math.abs(found.ratios.parameters - expected.achievedRatio) < 1e-12);
    }
    t.end();
  },
);

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
