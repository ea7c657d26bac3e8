import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAdapter } from '../../lib/lora/adapter.js';
import { changed, configOf, refusal, tiny } from '../fixtures/changed_adapter.js';
import { distance, test } from '../fixtures/no_leak.js';
import { baseOf, logitsWith } from '../fixtures/peft.js';

for (const [key, value] of [
  ['use_dora', true],
  ['lora_bias', true],
  ['bias', 'all'],
  ['modules_to_save', ['lm_head']],
  ['peft_type', 'IA3'],
  ['task_type', 'SEQ_CLS'],
  ['target_parameters', ['weight']],
  ['trainable_token_indices', [1]],
  ['layer_replication', [[0, 1]]],
  ['init_lora_weights', 'pissa'],
  ['option_of_tomorrow', 1],
  ['target_modules', '(?i).*Q_PROJ'],
] as const) {
  test(`when an adapter asks for ${key} ${JSON.stringify(value)}, then it is refused by that name`, (t) => {
    const model = baseOf(tiny);
    const { code, message } = refusal(t, model, changed(t, { [key]: value }));
    t.equal(code, 'ADAPTER_UNSUPPORTED');
    t.match(message, key === 'target_modules' ? value : key);
    model.dispose();
  });
}

test('when a config is of another version, then what it lacks or adds without effect is no matter', (t) => {
  const model = baseOf(tiny);
  const { peft_type, r, lora_alpha, ...config } = configOf(tiny.dir);
  const { target_modules, use_rslora, rank_pattern, alpha_pattern } = config;
  const few = { peft_type, r, lora_alpha, target_modules, use_rslora, rank_pattern, alpha_pattern };
  const dir = changed(t, {});
  writeFileSync(join(dir, 'adapter_config.json'), JSON.stringify({ ...few, new_option: null }));
  loadAdapter(model, dir);
  t.ok(distance(logitsWith(model, tiny), tiny.logits) < 1e-5);
  model.dispose();
});
