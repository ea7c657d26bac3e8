import { loadModel } from '../../lib/checkpoint/load.js';
import { loadAdapter } from '../../lib/lora/adapter.js';
import { foldLora } from '../../lib/lora/fold.js';
import { attachLora, detachLora, loraParameters } from '../../lib/lora/lora.js';
import { settingsOf } from '../../lib/lora/settings.js';
import { writeModelFolder } from '../fixtures/model_folder.js';
import { distance, test } from '../fixtures/no_leak.js';
import { baseOf, fillFactors, logitsWith, optionsOf, peftCase } from '../fixtures/peft.js';
import { snapshot } from '../fixtures/tiny_training.js';

const c = peftCase('subset');

test('when LoRA is folded, then the branch is in the weights once, and unfolding is exact', (t) => {
  const model = baseOf(c);
  attachLora(model, optionsOf(c));
  fillFactors(model, 4);
  const [logits, before] = [logitsWith(model, c), snapshot(model)];
  const folded = foldLora(model);
  t.equal(loraParameters(model).size, 0, 'nothing to train');
  t.ok(distance(logitsWith(model, c), logits) < 1e-5);
  const again = foldLora(model); // there is nothing left to fold
  t.ok(distance(logitsWith(model, c), logits) < 1e-5);
  again.unfold();
  t.ok(distance(logitsWith(model, c), logits) < 1e-5);
  folded.unfold();
  t.same(snapshot(model), before, 'every bit');
  t.same(logitsWith(model, c), logits);
  t.equal(settingsOf(model)?.useRslora, true, 'settings too');
  folded.unfold();
  t.same(snapshot(model), before);
  model.dispose();
});

test('when a block ends, then what it folded is unfolded; when the model went first, then nothing is left', (t) => {
  const model = baseOf(c);
  attachLora(model, optionsOf(c));
  fillFactors(model, 4);
  const before = snapshot(model);
  {
    using folded = foldLora(model);
    t.ok(folded);
    t.notSame(snapshot(model), before);
  }
  t.same(snapshot(model), before);
  const folded = foldLora(model);
  model.dispose();
  folded.unfold();
});

test('when another LoRA came meanwhile, then unfolding says so and loses neither', (t) => {
  const model = baseOf(c);
  attachLora(model, optionsOf(c));
  fillFactors(model, 4);
  const before = snapshot(model);
  const folded = foldLora(model);
  attachLora(model, { r: 2, alpha: 2, seed: 9 });
  t.throws(() => folded.unfold(), { code: 'CONFIG_INVALID' });
  detachLora(model);
  folded.unfold();
  t.same(snapshot(model), before);
  model.dispose();
});

test('when weights are bfloat16, then folding rounds and unfolding is exact all the same', (t) => {
  const dir = writeModelFolder(t.testdir({}), { ...c.base, seed: c.seed });
  const model = loadModel(dir, { dtype: 'bfloat16' });
  t.equal(model.linears().get('model.layers.0.mlp.up_proj')!.weight.dtype, 'bfloat16');
  loadAdapter(model, c.dir);
  t.ok(distance(logitsWith(model, c), c.logits) < 0.05);
  const before = snapshot(model);
  const folded = foldLora(model);
  t.ok(distance(logitsWith(model, c), c.logits) < 0.05);
  folded.unfold();
  t.same(snapshot(model), before);
  model.dispose();
});
