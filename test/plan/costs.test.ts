import t from 'tap';
import { type NodeGroup } from '../../lib/groups/group.js';
import { partition } from '../../lib/groups/partition.js';
import { Costs } from '../../lib/plan/costs.js';
import { type LlamaShape, symbolicLlama } from '../groups/symbolic_llama.js';

const use = { context: 2048, batch: 1, bytes: 2 };
const llama7B: LlamaShape = {
  ...{ layers: 32, width: 4096, heads: 32, kvHeads: 32, headDim: 128 },
  ...{ channels: 11008, vocabulary: 32000 },
};

function costsOf(shape: LlamaShape, more: Partial<typeof use> = {}): Costs {
  const graph = symbolicLlama(shape);
  return new Costs(graph, partition(graph), { ...use, ...more });
}

const groupOf = ({ partition: { groups } }: Costs, kind: NodeGroup['kind']): NodeGroup => {
  const found = groups.find((group) => group.kind === kind);
  if (!found) throw new Error(`no ${kind}`);
  return found;
};

t.test('when the model is LLaMA-7B, then its costs are those calculated by hand', (t) => {
  const costs = costsOf(llama7B);
  const products = 32 * (4 * 4096 ** 2 + 3 * 4096 * 11008) + 32000 * 4096;
  const attention = 32 * 2 * 4096 * 2048;
  t.equal(costs.total.parameters, 6_738_415_616);
  t.equal(costs.total.macs, products + attention);
  t.equal(costs.total.kvBytes, 32 * 2 * 4096 * 2);
  t.equal(costs.total.memory, 2 * 6_738_415_616 + 2048 * 32 * 2 * 4096 * 2);

  const head = costs.unit(groupOf(costs, 'attention_heads'));
  t.match(head, { parameters: 2_097_152, macs: 2_097_152 + 2 * 128 * 2048, kvBytes: 2 * 128 * 2 });
  t.match(costs.unit(groupOf(costs, 'mlp_channels')), {
    parameters: 12_288,
    macs: 12_288,
    kvBytes: 0,
  });
  // A channel of the residual stream is in the look-up, which multiplies nothing, and in the norms.
  const channel = costs.unit(groupOf(costs, 'residual'));
  t.match(channel, { parameters: 1_645_121, macs: 1_645_121 - 32_000 - 65, kvBytes: 0 });
  t.end();
});

t.test(
  'when heads share keys, then a unit takes its queries along and the cache counts keys',
  (t) => {
    const shape = {
      layers: 2,
      width: 16,
      heads: 8,
      kvHeads: 2,
      headDim: 6,
      channels: 10,
      vocabulary: 32,
    };
    const costs = costsOf(shape, { context: 100, bytes: 4 });
    t.equal(costs.total.kvBytes, 2 * 2 * 2 * 6 * 4);
    const head = costs.unit(groupOf(costs, 'attention_heads'));
    const parameters = (2 * 4 + 2) * 6 * 16;
    t.match(head, { parameters, macs: parameters + 4 * 2 * 6 * 100, kvBytes: 2 * 6 * 4 });
    t.end();
  },
);

t.test('when attention is written out, then it costs the same', (t) => {
  const shape = { heads: 4, kvHeads: 4, headDim: 6 };
  t.same(costsOf({ ...shape, eager: true }).total, costsOf(shape).total);
  t.end();
});

t.test(
  'when projections are fused, embeddings tied or LoRA left out, then only ties change a number',
  (t) => {
    const { total } = costsOf({});
    t.same(costsOf({ fused: true }).total, total);
    t.same(costsOf({ rank: 0 }).total, total);
    const tied = costsOf({ tied: true }).total;
    t.equal(tied.parameters, total.parameters - 32 * 16);
    t.equal(tied.macs, total.macs);
    t.end();
  },
);

t.test('when units of several groups go, then crossing rows and columns are counted once', (t) => {
  const costs = costsOf({});
  const [residual, heads] = [groupOf(costs, 'residual'), groupOf(costs, 'attention_heads')];
  const both = costs.after(
    new Map([
      [residual.id, 3],
      [heads.id, 1],
    ]),
  );
  const width = 16 - 3;
  const smaller = costsOf({ width });
  const less = smaller.unit(groupOf(smaller, 'attention_heads'));
  t.equal(both.parameters, smaller.total.parameters - less.parameters);
  t.equal(both.macs, smaller.total.macs - less.macs);
  t.end();
});

t.test('when matrices are listed, then rows are as stored after the cut', (t) => {
  const costs = costsOf({});
  const rows = costs.matrices(new Map([[groupOf(costs, 'mlp_channels').id, 4]]));
  const of = (end: string) => rows.find(({ name }) => name.endsWith(end));
  t.match(of('layers.0.mlp.down_proj.weight'), { row: 6, rows: 16 });
  t.match(of('layers.0.mlp.up_proj.weight'), { row: 16, rows: 6 });
  t.match(of('embed_tokens.weight'), { row: 16, rows: 32 });
  t.notOk(rows.some(({ name }) => name.includes('lora')));
  t.end();
});
