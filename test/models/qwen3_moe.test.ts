import t from 'tap';
import { architectureOf } from '../../lib/models/index.js';
import { qwen3Moe } from '../../lib/models/qwen3_moe.js';
import { resizeConfig } from '../../lib/models/sizes.js';
import { metaWeights } from '../../lib/nn/weight_source.js';
import { loadModel } from '../../lib/checkpoint/load.js';
import { familyFolder } from '../fixtures/families.js';
import { logitsOf, relativeGap } from '../fixtures/family_model.js';
import { qwen3MoeConfig, randomMoe } from '../fixtures/random_moe.js';

const namesOf = (config: typeof qwen3MoeConfig): string[] => {
  using model = architectureOf(config).build(config, metaWeights());
  return [...model.parameters()].map(([name]) => name);
};
const tokens = [[3, 17, 9, 28, 5, 11, 2, 30]];

t.test('when a config is written by transformers or as published, then it is the same', (t) => {
  const { num_experts: experts, ...others } = qwen3MoeConfig;
  const written = { ...others, num_local_experts: experts };
  t.same(namesOf(written), namesOf(qwen3MoeConfig));
  t.equal(qwen3Moe.matches(written), true);
  t.end();
});

t.test('when layers have experts, then those whose number says so do', (t) => {
  const sparse = (more: object): number[] => {
    const names = namesOf({ ...qwen3MoeConfig, num_hidden_layers: 4, ...more });
    return [0, 1, 2, 3].filter((l) => names.includes(`model.layers.${l}.mlp.gate.weight`));
  };
  t.same(sparse({}), [1, 3]);
  t.same(sparse({ mlp_only_layers: [1] }), [3]);
  t.same(sparse({ decoder_sparse_step: 1, mlp_only_layers: [0] }), [1, 2, 3]);
  t.same(sparse({ num_experts: 0, decoder_sparse_step: 1 }), []);
  t.end();
});

t.test('when a window is set, then it counts only where it is used', (t) => {
  const logits = (more: object): number[] => {
    const model = randomMoe({ ...qwen3MoeConfig, ...more });
    const found = logitsOf(model, tokens).flat(2);
    model.dispose();
    return found;
  };
  const whole = logits({});
  t.same(logits({ sliding_window: 2, use_sliding_window: false }), whole);
  t.ok(relativeGap(logits({ sliding_window: 2, use_sliding_window: true }), whole) > 1e-3);
  t.end();
});

t.test('when layers go, then the config says anew which of the others have experts', (t) => {
  const config = { ...qwen3MoeConfig, num_hidden_layers: 6, mlp_only_layers: [3] };
  const layers = [1, 2, 3, 5].map((from) => ({ from, sizes: {}, skip: [] })); // sparse: 1 and 5
  const cut = resizeConfig(config, qwen3Moe.sizes, { layers, headDim: 6 });
  t.equal(cut['num_hidden_layers'], 4);
  t.equal(cut['decoder_sparse_step'], 1);
  t.same(cut['mlp_only_layers'], [1, 2]);
  const kept = resizeConfig(config, qwen3Moe.sizes, {
    layers: [0, 1, 2, 3, 4, 5].map((from) => ({ from, sizes: {}, skip: [] })),
    headDim: 6,
  });
  t.same([kept['decoder_sparse_step'], kept['mlp_only_layers']], [2, [3]], 'as they were');
  t.end();
});

t.test('when norm_topk_prob is not what the model was made with, then its logits differ', (t) => {
  const dir = familyFolder('qwen3_moe');
  const model = loadModel(dir);
  const weights = new Map(model.parameters());
  const other = qwen3Moe.build({ ...model.config, norm_topk_prob: false }, (name) =>
    weights.get(name)!,
  );
  const [a, b] = [model, other].map((m) => logitsOf(m, tokens).flat(2));
  t.ok(relativeGap(a!, b!) > 1e-3);
  model.dispose();
  t.end();
});

t.test('when a size is impossible, then the error says which', (t) => {
  t.throws(() => namesOf({ ...qwen3MoeConfig, moe_intermediate_size: 0 }), {
    code: 'CHECKPOINT_INVALID',
    message: /Qwen3 MoE's: moe_intermediate_size/,
  });
  t.end();
});
