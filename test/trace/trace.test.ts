import t from 'tap';
import { printSlice, print, expectedGroups, expectedParameters } from '../groups/expected_llama.js';
import { symbolicLlama } from '../groups/symbolic_llama.js';
import { partition } from '../../lib/groups/partition.js';
import { verifyPartition } from '../../lib/groups/verify.js';
import { llama } from '../../lib/models/llama.js';
import type { Model } from '../../lib/models/model.js';
import { metaWeights } from '../../lib/nn/weight_source.js';
import {
  add,
  add_,
  arange,
  cos,
  embedding,
  empty,
  linear,
  scale,
  scale_,
  silu,
} from '../../lib/tensor/ops.js';
import { keep, scoped, tensorCount } from '../../lib/tensor/scope.js';
import type { Tensor } from '../../lib/tensor/tensor.js';
import { type TraceableModel, trace } from '../../lib/trace/trace.js';

interface Shape {
  layers?: number;
  tied?: boolean;
  bias?: boolean;
  rank?: number;
}

function metaLlama({ layers = 2, tied = false, bias = false, rank = 8 }: Shape): Model {
  const model = llama.build(
    {
      model_type: 'llama',
      hidden_size: 16,
      intermediate_size: 10,
      num_hidden_layers: layers,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      head_dim: 6,
      vocab_size: 32,
      tie_word_embeddings: tied,
      attention_bias: bias,
      mlp_bias: bias,
    },
    metaWeights(),
  );
  const weightless = (...shape: number[]): Tensor => keep(empty(shape, 'float32', 'meta'));
  if (rank > 0) {
    for (const part of model.linears().values()) {
      part.lora = {
        A: weightless(rank, part.inFeatures),
        B: weightless(part.outFeatures, rank),
        scale: 2,
      };
    }
  }
  return model;
}

for (const tied of [false, true]) {
  for (const bias of [false, true]) {
    const title = `${tied ? 'tied' : 'untied'}, ${bias ? 'with' : 'without'} biases`;
    t.test(
      `when the real model is traced (${title}), then its groups are as written by hand`,
      (t) => {
        const model = metaLlama({ tied, bias });
        const graph = trace(model);
        const found = partition(graph);
        verifyPartition(found, graph);
        const printed = Object.fromEntries(found.groups.map((group) => [group.id, print(group)]));
        t.strictSame(printed, expectedGroups({ tied, bias }));
        t.equal(found.parameters, expectedParameters({ tied, bias }));
        t.equal(found.fingerprint, partition(symbolicLlama({ tied, bias })).fingerprint);
        model.dispose();
        t.end();
      },
    );
  }
}

t.test(
  'when a model is traced, then only weights and tables stay alive, and a second trace is equal',
  (t) => {
    const model = metaLlama({});
    const first = trace(model); // makes the tables of both lengths
    const before = tensorCount();
    const second = trace(model);
    t.equal(tensorCount(), before);
    t.strictSame(second.toJSON(), first.toJSON());
    model.dispose();
    t.end();
  },
);

t.test('when LoRA is merged away, then the base slices stay the same', (t) => {
  const [bare, adapted] = [0, 8].map((rank) => {
    const model = metaLlama({ rank });
    const { groups } = partition(trace(model));
    model.dispose();
    return groups.filter(({ prunable }) => prunable);
  });
  const base = adapted?.map(({ id, slices }) => [
    id,
    slices.filter(({ lora }) => lora === null).map(printSlice),
  ]);
  t.strictSame(
    bare?.map(({ id, slices }) => [id, slices.map(printSlice)]),
    base,
  );
  t.end();
});

t.test('when depth doubles, then nodes and groups per layer stay the same', (t) => {
  const count = (layers: number) => {
    const model = metaLlama({ layers });
    const graph = trace(model);
    const { groups } = partition(graph);
    model.dispose();
    return { nodes: graph.nodes.length, groups: groups.length };
  };
  const [two, four, eight] = [count(2), count(4), count(8)];
  t.equal(eight.nodes - four.nodes, 2 * (four.nodes - two.nodes));
  t.equal(eight.groups - four.groups, 2 * (four.groups - two.groups));
  t.end();
});

/** A model of one table and one matrix around `body`. */
function small(body: (x: Tensor, tokens: Tensor) => Tensor): TraceableModel {
  const table = keep(empty([9, 4], 'float32', 'meta'));
  const head = keep(empty([9, 4], 'float32', 'meta'));
  return {
    forward: (tokens) => scoped(() => linear(body(embedding(table, tokens), tokens), head)),
    parameters: () => [
      ['table', table],
      ['head', head],
    ],
  };
}

t.test('when the forward pass writes in place, then that is refused by name', (t) => {
  t.throws(() => trace(small((x) => scale_(x, 2))), {
    code: 'GRAPH_INPLACE',
    facts: { op: 'aten::mul_.Scalar' },
  });
  t.throws(() => trace(small((x) => add_(silu(x), x))), { code: 'GRAPH_INPLACE' });
  t.doesNotThrow(() => {
    trace(small((x) => add(x, add_(empty([4], 'float32', 'meta'), empty([4], 'float32', 'meta')))));
  }, 'tables may be filled in place');
  t.end();
});

t.test('when operators depend on the length, then the traces disagree', (t) => {
  t.throws(() => trace(small((x) => (x.extent(1) > 6 ? silu(x) : x))), { code: 'GRAPH_INVALID' });
  t.throws(() => trace(small((x) => scale(x, x.extent(1) > 6 ? 2 : 3.5))), {
    code: 'GRAPH_INVALID',
    message: /aten::mul.Scalar gets another other/,
  });
  t.throws(() => trace(small((x) => (x.extent(1) > 6 ? add(x, silu(x)) : add(silu(x), x)))), {
    code: 'GRAPH_INVALID',
    message: /reads other values/,
  });
  t.end();
});

t.test('when a table is made in the first trace and known in the second, then they agree', (t) => {
  let table: Tensor | undefined;
  const model = small((x) => add(x, (table ??= keep(cos(arange(0, 4, 'float32', 'meta'))))));
  const graph = trace(model);
  t.strictSame(
    graph.nodes.map(({ op }) => op),
    ['aten::embedding', 'aten::add.Tensor', 'aten::linear'],
  );
  t.strictSame(trace(model).toJSON(), graph.toJSON());
  t.end();
});

t.test('when a failed trace is followed by another, then the other is not disturbed', (t) => {
  t.throws(() => trace(small((x) => scale_(x, 2))));
  t.equal(trace(small((x) => silu(x))).nodes.length, 3);
  t.end();
});

t.test('when forward returns what no operator made, then that is refused', (t) => {
  const lost = keep(empty([2, 5, 9], 'float32', 'meta'));
  t.throws(() => trace({ ...small((x) => x), forward: () => lost }), { code: 'GRAPH_INVALID' });
  t.end();
});
