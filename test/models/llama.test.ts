// Oracles: transformers and a float64 forward of llama2.c's own file (test/fixtures/stories260K/README.md).
import { readFileSync } from 'node:fs';
import { loadModel } from '../../lib/checkpoint/load.js';
import { llama } from '../../lib/models/llama.js';
import type { Model } from '../../lib/models/model.js';
import { metaWeights } from '../../lib/nn/weight_source.js';
import { resizeConfig } from '../../lib/models/sizes.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { zeros } from '../../lib/tensor/ops.js';
import { scoped, tensorBytes, tensorCount } from '../../lib/tensor/scope.js';
import { longTensor } from '../../lib/tensor/tensor.js';
import { nextTokenLoss } from '../../lib/train/language_model_loss.js';
import { stories } from '../fixtures/evaluation.js';
import { logitsCases, modelOf } from '../fixtures/llama_logits.js';
import { distance, test } from '../fixtures/no_leak.js';
import { randomConfig, randomLlama, randomWeights } from '../fixtures/random_llama.js';

const oracle = (name: string): unknown =>
  JSON.parse(
    readFileSync(
      new URL(`../../../test/fixtures/stories260K/${name}.json`, import.meta.url),
      'utf8',
    ),
  );

const logitsOf = (model: Model, rows: readonly (readonly number[])[]): number[] =>
  noGrad(() =>
    scoped(() => {
      const tokens = longTensor(rows.flat(), [rows.length, rows[0]?.length ?? 0]);
      return model.forward(tokens).toArray();
    }),
  );

test('when stories260K reads 13 tokens, then the last logits are those of the original', (t) => {
  const { input_ids: ids, last_logits: expected } = oracle('oracle_logits') as {
    input_ids: number[];
    last_logits: number[];
  };
  const model = loadModel(stories);
  const logits = logitsOf(model, [ids]);
  t.equal(logits.length, ids.length * expected.length);
  t.ok(distance(logits.slice(-expected.length), expected) < 1e-4);
  model.dispose();
});

test('when stories260K reads prose, then its likelihoods are those of transformers', (t) => {
  const { cases } = oracle('transformers_nll') as {
    cases: { input_ids: number[]; mean_nll: number }[];
  };
  t.equal(cases.length, 3);
  const model = loadModel(stories);
  for (const { input_ids: ids, mean_nll: expected } of cases) {
    const batch = { ids: Int32Array.from(ids), batch: 1, length: ids.length };
    const nll = noGrad(() => scoped(() => nextTokenLoss(model, batch).item()));
    t.ok(Math.abs(nll - expected) < 1e-5, `${nll} against ${expected}`);
  }
  model.dispose();
});

for (const c of logitsCases) {
  const { attention_bias: biases, tie_word_embeddings: tied } = c.config;
  test(`when biases are ${String(biases)} and tied is ${String(tied)}, then transformers agrees`, (t) => {
    const model = modelOf(c);
    t.same(
      [...model.parameters()].map(([name]) => name).sort(),
      [...c.names].sort(),
      'the same stored names',
    );
    t.ok(distance(logitsOf(model, c.tokens), c.logits) < 2e-6);
    model.dispose();
  });
}

test('when weights are asked, then in the order that the fixture assumes', (t) => {
  for (const c of logitsCases) {
    const asked: string[] = [];
    const draw = randomWeights(c.seed);
    const model = llama.build(c.config, (name, shape) => {
      asked.push(name);
      return draw(name, shape);
    });
    t.same(asked, c.names);
    model.dispose();
  }
});

test('when rows stand in one batch, then each is what it is alone', (t) => {
  const model = randomLlama({ biases: true, tied: false });
  const rows = [
    [1, 2, 3, 4],
    [31, 0, 7, 7],
  ];
  const together = logitsOf(model, rows);
  const alone = rows.flatMap((row) => logitsOf(model, [row]));
  t.ok(distance(together, alone) < 1e-6);
  model.dispose();
});

test('when hidden states go through the head, then they are the logits', (t) => {
  for (const tied of [true, false]) {
    const model = randomLlama({ tied });
    const tokens = longTensor([5, 6, 7], [1, 3]);
    noGrad(() => {
      const hidden = model.hidden(tokens);
      t.same(hidden.shape, [1, 3, 16]);
      t.same(model.head(hidden).toArray(), model.forward(tokens).toArray());
    });
    model.dispose();
  }
});

test('when a model is weightless, then shapes flow and nothing is computed', (t) => {
  const bytes = tensorBytes();
  const config = { ...randomConfig({ layers: 3 }), hidden_size: 4096, intermediate_size: 11008 };
  const model = llama.build(config, metaWeights());
  const logits = noGrad(() => model.forward(zeros([2, 9], 'int64', 'meta')));
  t.same([logits.shape, logits.device], [[2, 9, 32], 'meta']);
  t.ok(tensorBytes() - bytes < 1e5);
  model.dispose();
});

test('when linears are listed, then seven of each block and not the head', (t) => {
  const model = randomLlama({ tied: false, layers: 2 });
  const paths = [...model.linears().keys()];
  t.equal(paths.length, 14);
  t.notOk(paths.includes('lm_head'));
  t.ok(paths.includes('model.layers.1.self_attn.o_proj'));
  for (const [path, { weight }] of model.linears()) {
    t.equal(weight, new Map(model.parameters()).get(`${path}.weight`));
  }
  model.dispose();
});

test('when a model has run, then it leaves only its rotations, and they go with it', (t) => {
  const before = tensorCount();
  const model = randomLlama();
  const own = tensorCount();
  for (let i = 0; i < 5; i++) logitsOf(model, [[1, 2, 3]]);
  t.equal(tensorCount(), own + 2, 'one table of cosines, one of sines');
  model.dispose();
  t.equal(tensorCount(), before);
});

test('when an error comes from within, then it names the module', (t) => {
  const model = randomLlama();
  model.linears().get('model.layers.1.mlp.down_proj')!.gate = zeros([5]); // of 12 inputs
  t.throws(() => logitsOf(model, [[1, 2]]), {
    code: 'TENSOR_OP_FAILED',
    message:
      /^aten::mul\.Tensor\(float32\(1×2×12\), float32\(5\)\) at model\.layers\.1\.mlp\.down_proj: /,
    facts: { module: 'model.layers.1.mlp.down_proj' },
  });
  model.dispose();
});

test('when a model is resized, then heads keep their ratio and head_dim is said', (t) => {
  const { head_dim: _, ...config } = { ...randomConfig(), extra: 'carried' } as Record<
    string,
    unknown
  >;
  const sizes = { heads: 2, kvHeads: 1, channels: 5 };
  const layers = [0, 1].map((from) => ({ from, sizes, skip: [] }));
  t.same(resizeConfig(config, llama.sizes, { layers, headDim: 4 }), {
    ...config,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 4,
    intermediate_size: 5,
  });
});
