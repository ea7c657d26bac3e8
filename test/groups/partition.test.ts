import t from 'tap';
import { createRandom } from '../../lib/data/random.js';
import type { Partition } from '../../lib/groups/group.js';
import { partition } from '../../lib/groups/partition.js';
import { sliceIndices } from '../../lib/groups/slice_indices.js';
import { verifyPartition } from '../../lib/groups/verify.js';
import { Symbolic } from '../graph/symbolic.js';
import { expectedGroups, expectedParameters, print } from './expected_llama.js';
import { symbolicLlama } from './symbolic_llama.js';

const byId = (p: Partition) => Object.fromEntries(p.groups.map((group) => [group.id, group]));

for (const tied of [false, true]) {
  for (const bias of [false, true]) {
    const title = `${tied ? 'tied' : 'untied'}, ${bias ? 'with' : 'without'} biases`;
    t.test(
      `when a GQA LLaMA with LoRA is partitioned (${title}), then it is as written by hand`,
      (t) => {
        const graph = symbolicLlama({ tied, bias });
        const found = partition(graph);
        verifyPartition(found, graph);
        const printed = Object.fromEntries(found.groups.map((group) => [group.id, print(group)]));
        t.strictSame(printed, expectedGroups({ tied, bias }));
        t.equal(found.parameters, expectedParameters({ tied, bias }));
        t.end();
      },
    );
  }
}

t.test('when groups are listed, then each says what it is and why it stays', (t) => {
  const groups = byId(partition(symbolicLlama()));
  const said = (id: string) => [groups[id]?.kind, groups[id]?.layer, groups[id]?.reason];
  t.strictSame(said('layers.1.self_attn.heads'), ['attention_heads', 1, undefined]);
  t.strictSame(said('layers.1.mlp.channels'), ['mlp_channels', 1, undefined]);
  t.strictSame(said('vocabulary'), [
    'vocabulary',
    null,
    'touches the output logits; its rows are cut on request only',
  ]);
  t.match(said('residual'), ['residual', null, /^the width of all layers/]);
  t.match(said('layers.0.mlp.up_proj.lora_rank'), ['lora_rank', 0, 'rank dimension of LoRA']);
  t.match(said('layers.0.self_attn.query_key_width'), ['head_dim', 0, /^RoPE pairs/]);
  t.match(said('layers.0.self_attn.value_width'), ['head_dim', 0, /^width of a head/]);
  t.match(said('layers.0.self_attn.queries_per_head'), [
    'query_heads',
    0,
    /share their key and value/,
  ]);
  t.end();
});

t.test(
  'when a unit is a kv head, then it holds that head of k and v, its query heads and their columns',
  (t) => {
    const heads = byId(partition(symbolicLlama({ heads: 6, kvHeads: 2, headDim: 2, rank: 0 })))[
      'layers.0.self_attn.heads'
    ]!;
    const rows = Object.fromEntries(
      heads.slices.map((slice) => [slice.param, sliceIndices(slice, heads.units, 1)]),
    );
    const at = 'model.layers.0.self_attn.';
    t.strictSame(rows, {
      [`${at}q_proj.weight`]: [6, 7, 8, 9, 10, 11],
      [`${at}k_proj.weight`]: [2, 3],
      [`${at}v_proj.weight`]: [2, 3],
      [`${at}o_proj.weight`]: [6, 7, 8, 9, 10, 11],
    });
    t.end();
  },
);

t.test(
  'when r = 8 as in the paper (Fig. 2), then W and B overlap in the adjacent group and A stays',
  (t) => {
    const found = partition(
      symbolicLlama({
        layers: 1,
        width: 64,
        heads: 8,
        kvHeads: 8,
        headDim: 8,
        channels: 96,
        rank: 8,
      }),
    );
    const groups = byId(found);
    const rows = (id: string, unit: number, param: string, dim: number) => {
      const group = groups[id]!;
      const slice = group.slices.find(
        (s) => s.param === `model.layers.0.${param}` && s.dim === dim,
      );
      return slice && sliceIndices(slice, group.units, unit);
    };
    const channels = 'layers.0.mlp.channels';
    for (const i of [0, 41, 95]) {
      for (const name of ['gate_proj', 'up_proj']) {
        t.strictSame(rows(channels, i, `mlp.${name}.weight`, 0), [i], 'row i of W');
        t.strictSame(rows(channels, i, `mlp.${name}.lora_B.weight`, 0), [i], 'row i of B');
        t.equal(rows(channels, i, `mlp.${name}.lora_A.weight`, 0), undefined, 'no row of A');
      }
      t.strictSame(rows(channels, i, 'mlp.down_proj.lora_A.weight', 1), [i], 'pass 2: column of A');
    }
    const head = [24, 25, 26, 27, 28, 29, 30, 31];
    for (const name of ['q_proj', 'k_proj', 'v_proj']) {
      t.strictSame(rows('layers.0.self_attn.heads', 3, `self_attn.${name}.weight`, 0), head);
      t.strictSame(rows('layers.0.self_attn.heads', 3, `self_attn.${name}.lora_B.weight`, 0), head);
    }
    t.strictSame(rows('layers.0.self_attn.heads', 3, 'self_attn.o_proj.lora_A.weight', 1), head);
    // The output of the composed o_proj and down_proj (W and B) belongs to the neighbouring basic group as well.
    for (const name of ['self_attn.o_proj', 'mlp.down_proj']) {
      t.strictSame(rows('residual', 5, `${name}.weight`, 0), [5]);
      t.strictSame(rows('residual', 5, `${name}.lora_B.weight`, 0), [5]);
    }
    const ranks = found.groups.filter(({ kind }) => kind === 'lora_rank');
    t.equal(ranks.length, 7);
    t.ok(ranks.every(({ units, prunable }) => units === 8 && !prunable));
    t.end();
  },
);

t.test('when attention is written out, then the partition is that of the fused operator', (t) => {
  for (const kvHeads of [1, 2, 4]) {
    t.strictSame(
      partition(symbolicLlama({ kvHeads, eager: true })),
      partition(symbolicLlama({ kvHeads })),
    );
  }
  t.end();
});

t.test('when projections are fused, then units lie inside their blocks', (t) => {
  const graph = symbolicLlama({ layers: 1, fused: true, rank: 0 });
  const found = partition(graph);
  verifyPartition(found, graph);
  const groups = byId(found);
  const indices = (id: string, unit: number, param: string) =>
    groups[id]!.slices.filter((slice) => slice.param === `model.layers.0.${param}`).flatMap(
      (slice) => sliceIndices(slice, groups[id]!.units, unit),
    );
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
  // q: 2 kv heads of 2·6 rows, k from 24, v from 36
  t.strictSame(indices('layers.0.self_attn.heads', 1, 'self_attn.qkv_proj.weight'), [
    ...range(12, 24),
    ...range(30, 36),
    ...range(42, 48),
  ]);
  t.strictSame(indices('layers.0.mlp.channels', 7, 'mlp.gate_up_proj.weight'), [7, 17]);
  const plain = byId(partition(symbolicLlama({ layers: 1, rank: 0 })));
  for (const id of ['layers.0.self_attn.heads', 'layers.0.mlp.channels']) {
    t.equal(groups[id]?.cost, plain[id]?.cost);
    t.ok(groups[id]?.prunable);
  }
  t.end();
});

t.test('when sizes are random, then every index is in exactly one prunable unit at most', (t) => {
  const random = createRandom(20);
  const between = (low: number, high: number) => low + random.integer(high - low + 1);
  for (let run = 0; run < 60; run++) {
    const kvHeads = between(1, 5);
    const shape = {
      layers: between(1, 3),
      width: between(2, 40),
      kvHeads,
      heads: kvHeads * between(1, 4),
      headDim: 2 * between(1, 6),
      channels: between(2, 50),
      vocabulary: between(2, 60),
      rank: between(0, 5),
      tied: random.integer(2) === 0,
      bias: random.integer(2) === 0,
      eager: random.integer(2) === 0,
      fused: random.integer(2) === 0,
    };
    const graph = symbolicLlama(shape);
    const found = partition(graph);
    try {
      verifyPartition(found, graph);
    } catch (error) {
      t.fail(`${JSON.stringify(shape)}: ${String(error)}`);
    }
    const heads = found.groups.filter(({ kind }) => kind === 'attention_heads');
    const channels = found.groups.filter(({ kind }) => kind === 'mlp_channels');
    t.equal(heads.length, kvHeads === 1 ? 0 : shape.layers, JSON.stringify(shape));
    t.ok([...heads, ...channels].every(({ prunable }) => prunable));
    t.ok(heads.every(({ units }) => units === kvHeads));
    t.strictSame(
      channels.map(({ units }) => units),
      Array(shape.layers).fill(shape.channels),
    );
  }
  t.end();
});

t.test('when the policy names other kinds, then the rest stays', (t) => {
  const groups = byId(partition(symbolicLlama(), { kinds: ['mlp_channels'] }));
  t.equal(groups['layers.0.mlp.channels']?.prunable, true);
  t.equal(groups['layers.0.self_attn.heads']?.reason, 'not among the kinds to be cut');
  t.end();
});

t.test(
  'when an activation does not vanish at zero, then the columns that read its channels do',
  (t) => {
    const build = (activation: string) => {
      const s = new Symbolic();
      const x = s.embedding(s.parameter('embed.weight', 9, 4), s.input(2, 3));
      const up = s.linear(
        x,
        s.parameter('layers.0.up.weight', 6, 4),
        s.parameter('layers.0.up.bias', 6),
      );
      const down = s.linear(s.unary(activation, up), s.parameter('layers.0.down.weight', 4, 6));
      return byId(partition(s.finish(s.linear(s.add(x, down), s.parameter('head.weight', 9, 4)))));
    };
    t.equal(build('gelu')['layers.0.channels']?.prunable, true);
    t.equal(build('relu')['layers.0.channels']?.prunable, true);
    // what reads a channel is zero with it, whatever the channel is
    t.equal(build('sigmoid')['layers.0.channels']?.prunable, true);
    t.end();
  },
);

t.test('when two models differ in a shape or a tie only, then their fingerprints differ', (t) => {
  const prints = [{}, { tied: true }, { vocabulary: 33 }, { bias: true }, { rank: 4 }].map(
    (shape) => partition(symbolicLlama(shape)).fingerprint,
  );
  t.equal(new Set(prints).size, prints.length);
  t.equal(partition(symbolicLlama()).fingerprint, prints[0]);
  t.end();
});
