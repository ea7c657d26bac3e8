// Writes adapters for tiny LLaMAs with their bases and our logits, for scripts/check_peft.py: `node dist/scripts/peft_adapters.js FOLDER`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '../lib/checkpoint/load.js';
import { saveAdapter } from '../lib/lora/adapter.js';
import { attachLora, loraParameters, setLoraTraining } from '../lib/lora/lora.js';
import { trainStep } from '../lib/train/step.js';
import { AdamW } from '../lib/train/adamw.js';
import { nextTokenLoss } from '../lib/train/language_model_loss.js';
import { writeModelFolder } from '../test/fixtures/model_folder.js';
import { fillFactors, logitsWith, optionsOf, peftCases } from '../test/fixtures/peft.js';
import { batchOf } from '../test/fixtures/tiny_training.js';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('name a folder');

for (const c of peftCases) {
  const dir = join(folder, c.name);
  const base = writeModelFolder(join(dir, 'base'), { ...c.base, seed: c.seed });
  mkdirSync(dir, { recursive: true });
  const model = loadModel(base);
  const write = (name: string): void => {
    saveAdapter(model, join(dir, name), { base });
    const logits = logitsWith(model, c);
    writeFileSync(join(dir, `${name}.json`), JSON.stringify({ tokens: c.tokens, logits }));
  };
  attachLora(model, optionsOf(c));
  fillFactors(model, c.seed + 100);
  write('filled');
  attachLora(model, optionsOf(c));
  const optimizer = new AdamW(loraParameters(model));
  setLoraTraining(model, true);
  for (let i = 0; i < 20; i++) trainStep(() => nextTokenLoss(model, batchOf(i)), optimizer, 3e-2);
  setLoraTraining(model, false);
  write('trained');
  optimizer.dispose();
  model.dispose();
}
