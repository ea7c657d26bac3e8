import t from 'tap';
import { vllm } from '../../../lib/plan/engines/vllm.js';
import { candidate } from './candidates.js';

const gpus = (config: Record<string, unknown>) =>
  vllm(candidate(config)).rules.find(({ detail }) => detail.startsWith('tensor'))?.detail;

t.test('when heads and channels divide, then vLLM shares them among that many GPUs', (t) => {
  t.equal(gpus({}), 'tensor_parallel_size 1, 2, 4, 8');
  t.equal(
    gpus({ num_attention_heads: 28, num_key_value_heads: 28, head_dim: 128 }),
    'tensor_parallel_size 1, 2, 4',
  );
  // Two key-value heads are repeated on eight GPUs; three are not.
  t.equal(gpus({ num_key_value_heads: 2 }), 'tensor_parallel_size 1, 2, 4, 8');
  t.equal(
    gpus({ num_attention_heads: 24, num_key_value_heads: 3, head_dim: 128 }),
    'tensor_parallel_size 1',
  );
  t.equal(gpus({ intermediate_size: 7546 }), 'tensor_parallel_size 1, 2');
  t.end();
});

t.test('when a class derives the width of a head, then a cut head count does not load', (t) => {
  const cut = { num_attention_heads: 16, num_key_value_heads: 16, head_dim: 128 };
  t.ok(vllm(candidate(cut)).loads);
  t.match(vllm(candidate({ ...cut, model_type: 'qwen2' })), {
    loads: false,
  });
  t.ok(vllm(candidate({ model_type: 'qwen2' })).loads, 'as long as they make the hidden size');
  t.notOk(vllm(candidate({ per_layer_config: { 0: { intermediate_size: 8 } } })).loads);
  t.notOk(vllm(candidate({ model_type: 'unheard' })).loads);
  t.end();
});
