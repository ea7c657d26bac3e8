// Exports cuts of every family fixture in every form, with our logits: `node dist/scripts/export_forms.js FOLDER`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { forms } from '../lib/checkpoint/form_of.js';
import { exportModel } from '../lib/checkpoint/model_folder.js';
import { LoraShearError } from '../lib/errors.js';
import { exportAdapter } from '../lib/lora/adapter_folder.js';
import type { Model } from '../lib/models/model.js';
import { families, familyFolder, oracleOf } from '../test/fixtures/families.js';
import { greedyIds, logitsOf } from '../test/fixtures/family_model.js';
import { withLora } from '../test/fixtures/random_llama.js';
import { cutFixture, unevenCuts } from '../test/fixtures/uneven.js';

const [folder, only] = process.argv.slice(2);
if (folder === undefined) throw new Error('name a folder');
mkdirSync(folder, { recursive: true });

/** The base and an adapter on it; PEFT has no place for ours on experts. */
function writeAdapter(name: string, cut: string, compact: Model): void {
  if (/mixtral|moe/.test(name) || cut === 'queries') return;
  withLora(compact);
  const form = cut === 'even' ? 'uniform' : 'per-layer';
  const dir = join(folder!, `${name}.${cut}.adapter`);
  const card = { title: `${name}, ${cut}` };
  const { base } = exportAdapter(compact, dir, { from: familyFolder(name), card, form });
  const { tokens } = oracleOf(name);
  const prompt = tokens[0]!.slice(0, 5);
  const result = { name, cut, form: 'adapter', exported: base, base: form, tokens, prompt };
  const [logits, greedy] = [logitsOf(compact, tokens), greedyIds(compact, prompt, 20)];
  writeFileSync(`${dir}.json`, JSON.stringify({ ...result, logits, greedy }));
}

for (const name of families()) {
  if (only !== undefined && !name.startsWith(only)) continue;
  for (const cut of unevenCuts) {
    const made = cutFixture(name, cut);
    if (!made) continue;
    const { dense, compact } = made;
    const { tokens } = oracleOf(name);
    const prompt = tokens[0]!.slice(0, 5);
    const logits = logitsOf(compact, tokens);
    const greedy = greedyIds(compact, prompt, 20);
    for (const form of forms) {
      if ((cut === 'even') !== (form === 'uniform')) continue;
      const dir = join(folder, `${name}.${cut}.${form}`);
      const write = (result: object): void => {
        writeFileSync(`${dir}.json`, JSON.stringify({ name, cut, form, ...result }));
      };
      try {
        const card = { title: `${name}, ${cut}, ${form}` };
        const exported = exportModel(compact, dir, { from: familyFolder(name), card, form });
        write({ exported, tokens, logits, prompt, greedy });
      } catch (thrown) {
        if (!(thrown instanceof LoraShearError)) throw thrown;
        write({ refused: thrown.message });
      }
    }
    writeAdapter(name, cut, compact);
    dense.dispose();
    compact.dispose();
  }
}
