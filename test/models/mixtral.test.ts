import t from 'tap';
import { architectureOf } from '../../lib/models/index.js';
import { metaWeights } from '../../lib/nn/weight_source.js';
import { logitsOf, relativeGap } from '../fixtures/family_model.js';
import { mixtralConfig, randomMoe } from '../fixtures/random_moe.js';

const tokens = [[3, 17, 9, 28, 5, 11, 2, 30]];

t.test('when a Mixtral is built, then its tensors have the names of the checkpoint', (t) => {
  using model = architectureOf(mixtralConfig).build(mixtralConfig, metaWeights());
  const shapes = new Map([...model.parameters()].map(([name, { shape }]) => [name, [...shape]]));
  const at = 'model.layers.1.block_sparse_moe';
  t.same(shapes.get(`${at}.gate.weight`), [5, 16]);
  t.same(shapes.get(`${at}.experts.4.w1.weight`), [6, 16]);
  t.same(shapes.get(`${at}.experts.4.w2.weight`), [16, 6]);
  t.same(shapes.get(`${at}.experts.4.w3.weight`), [6, 16]);
  t.equal(model.linears().size, 2 * (4 + 5 * 3), 'the router takes no LoRA');
  t.end();
});

t.test('when keys are left out, then they are what transformers takes', (t) => {
  const heads = { num_attention_heads: 8, head_dim: 2, num_local_experts: 8 };
  const full = { ...mixtralConfig, ...heads, num_key_value_heads: 8, rope_theta: 1e6 };
  const left = ['num_key_value_heads', 'num_local_experts', 'num_experts_per_tok', 'rope_theta'];
  const bare = Object.fromEntries(Object.entries(full).filter(([key]) => !left.includes(key)));
  const [a, b] = [full, bare].map((config) => {
    const model = randomMoe(config);
    const logits = logitsOf(model, tokens).flat(2);
    model.dispose();
    return logits;
  });
  t.same(a, b);
  t.end();
});

t.test('when a window is set, then tokens see no farther back', (t) => {
  const [whole, narrow] = [null, 2].map((sliding_window) => {
    const model = randomMoe({ ...mixtralConfig, sliding_window });
    const logits = logitsOf(model, tokens).flat(2);
    model.dispose();
    return logits;
  });
  t.ok(relativeGap(narrow!, whole!) > 1e-3);
  t.end();
});
