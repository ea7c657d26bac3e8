import t from 'tap';
import { llamaCpp } from '../../../lib/plan/engines/llama_cpp.js';
import { candidate } from './candidates.js';

t.test(
  'when an architecture reads key_length, then any heads load; else they make the hidden size',
  (t) => {
    const cut = { num_attention_heads: 26, num_key_value_heads: 26, head_dim: 128 };
    for (const [model_type, loads] of [
      ['llama', true],
      ['mistral', true],
      ['glm4', true],
      ['phi3', false],
      ['stablelm', false],
    ] as const) {
      t.equal(llamaCpp(candidate({ ...cut, model_type })).loads, loads, model_type);
      t.equal(llamaCpp(candidate({ model_type })).loads, true, model_type);
    }
    t.notOk(llamaCpp(candidate({ model_type: 'opt' })).loads, 'which has no architecture');
    t.end();
  },
);

t.test('when layers differ, then the rule names deci', (t) => {
  const { loads, rules } = llamaCpp(
    candidate({ per_layer_config: { 1: { num_attention_heads: 8 } } }),
  );
  t.notOk(loads);
  t.match(rules.find(({ ok }) => !ok)?.detail, /deci/);
  t.end();
});
