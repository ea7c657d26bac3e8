import { changed, refusal, tiny } from '../fixtures/changed_adapter.js';
import { test } from '../fixtures/no_leak.js';
import { baseOf } from '../fixtures/peft.js';

const a = 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight';
for (const [what, code, tensors, said] of [
  ['lacks a factor', 'ADAPTER_INVALID', { [a]: null }, a],
  ['has a factor of another rank', 'ADAPTER_INVALID', { [a]: [3, 16] }, '[3, 16], not [4, 16]'],
  ['has a factor of another width', 'ADAPTER_MISMATCH', { [a]: [4, 8] }, '[4, 8], not [4, 16]'],
  [
    'has factors of a linear that is not targeted',
    'ADAPTER_INVALID',
    { 'base_model.model.model.layers.0.mlp.up_proj.lora_A.weight': [4, 16] },
    'model.layers.0.mlp.up_proj',
  ],
  [
    'has factors of a linear that the model lacks',
    'ADAPTER_MISMATCH',
    { 'base_model.model.model.layers.9.mlp.up_proj.lora_A.weight': [4, 16] },
    'model.layers.9.mlp.up_proj',
  ],
  [
    'has LoRA on the embedding',
    'ADAPTER_UNSUPPORTED',
    { 'base_model.model.model.embed_tokens.lora_embedding_A': [4, 32] },
    'lora_embedding_A',
  ],
] as [string, string, Record<string, number[] | null>, string][]) {
  test(`when an adapter ${what}, then one error says so`, (t) => {
    const model = baseOf(tiny);
    const error = refusal(t, model, changed(t, {}, tensors));
    t.equal(error.code, code);
    t.ok(error.message.includes(said), error.message);
    model.dispose();
  });
}
