// Writes adapters for tiny models with our logits, for scripts/check_peft.py: `node dist/scripts/peft_adapters.js FOLDER`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel, readConfig } from '../lib/checkpoint/load.js';
import { saveAdapter } from '../lib/lora/adapter.js';
import { type LoraOptions, attachLora, loraParameters, setLoraTraining } from '../lib/lora/lora.js';
import { architectures } from '../lib/models/index.js';
import { AdamW } from '../lib/train/adamw.js';
import { nextTokenLoss } from '../lib/train/language_model_loss.js';
import { trainStep } from '../lib/train/step.js';
import { families, familyFolder } from '../test/fixtures/families.js';
import { writeModelFolder } from '../test/fixtures/model_folder.js';
import { fillFactors, logitsWith, optionsOf, peftCases } from '../test/fixtures/peft.js';
import { batchOf } from '../test/fixtures/tiny_training.js';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('name a folder');
const tokens = peftCases[0]!.tokens;

/** One adapter of arbitrary numbers and one that was trained, over the model folder `base`. */
function writeAdapters(name: string, base: string, options: LoraOptions): void {
  const dir = join(folder!, name);
  mkdirSync(dir, { recursive: true });
  const model = loadModel(base);
  const write = (kind: string): void => {
    saveAdapter(model, join(dir, kind), { base });
    const logits = logitsWith(model, { tokens });
    writeFileSync(join(dir, `${kind}.json`), JSON.stringify({ base, tokens, logits }));
  };
  attachLora(model, options);
  fillFactors(model, 100);
  write('filled');
  attachLora(model, options);
  const optimizer = new AdamW(loraParameters(model));
  setLoraTraining(model, true);
  for (let i = 0; i < 20; i++) trainStep(() => nextTokenLoss(model, batchOf(i)), optimizer, 3e-2);
  setLoraTraining(model, false);
  write('trained');
  optimizer.dispose();
  model.dispose();
}

for (const c of peftCases) {
  const base = writeModelFolder(join(folder, c.name, 'base'), { ...c.base, seed: c.seed });
  writeAdapters(c.name, base, optionsOf(c));
}
for (const family of families()) {
  const config = readConfig(familyFolder(family));
  if (!Object.values(architectures).some(({ matches }) => matches(config))) continue;
  const options = { r: 3, alpha: 6, seed: 1, dropout: 0.2, useRslora: true };
  writeAdapters(`family-${family}`, familyFolder(family), options);
}
