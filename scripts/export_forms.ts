// Exports cuts of every family fixture in every form, with our logits: `node dist/scripts/export_forms.js FOLDER [FAMILY]`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '../lib/checkpoint/load.js';
import { type Form, forms } from '../lib/checkpoint/form_of.js';
import { exportModel } from '../lib/checkpoint/model_folder.js';
import { compress } from '../lib/compress/slice.js';
import { LoraShearError } from '../lib/errors.js';
import { exportAdapter } from '../lib/lora/adapter_folder.js';
import type { Model } from '../lib/models/model.js';
import { families, familyFolder, oracleOf } from '../test/fixtures/families.js';
import { greedyIds, logitsOf } from '../test/fixtures/family_model.js';
import { writeModelFolder } from '../test/fixtures/model_folder.js';
import { handPartition, randomUnits, withLora } from '../test/fixtures/random_llama.js';
import { cutFixture, unevenCuts } from '../test/fixtures/uneven.js';

const [folder, only] = process.argv.slice(2);
if (folder === undefined) throw new Error('name a folder');
mkdirSync(folder, { recursive: true });

interface Case {
  readonly name: string;
  readonly cut: string;
  /** Folder of the dense model. */
  readonly from: string;
  readonly compact: Model;
  readonly tokens: number[][];
}

/** Writes the folder by `write`, and what the model computes beside it. */
function record(c: Case, form: string, write: (dir: string) => object): void {
  const { name, cut, compact, tokens } = c;
  const dir = join(folder!, `${name}.${cut}.${form}`);
  const prompt = tokens[0]!.slice(0, 5);
  let result: object;
  try {
    const written = write(dir);
    const [logits, greedy] = [logitsOf(compact, tokens), greedyIds(compact, prompt, 20)];
    result = { ...written, tokens, prompt, logits, greedy };
  } catch (thrown) {
    if (!(thrown instanceof LoraShearError)) throw thrown;
    result = { refused: thrown.message };
  }
  writeFileSync(`${dir}.json`, JSON.stringify({ name, cut, form, ...result }));
}

function writeForms(c: Case, wanted: readonly Form[]): void {
  const { name, cut, from, compact } = c;
  const card = { title: `${name}, ${cut}` };
  for (const form of wanted) {
    record(c, form, (dir) => ({ exported: exportModel(compact, dir, { from, card, form }) }));
  }
  // PEFT has no place for our LoRA on experts.
  if (/mixtral|moe/.test(name) || cut === 'queries') return;
  withLora(compact);
  const form = cut === 'even' ? 'uniform' : 'per-layer';
  record(c, 'adapter', (dir) => {
    return { exported: exportAdapter(compact, dir, { from, card, form }).base, base: form };
  });
}

for (const name of families()) {
  if (only !== undefined && !name.startsWith(only)) continue;
  for (const cut of unevenCuts) {
    const made = cutFixture(name, cut);
    if (!made) continue;
    const wanted = forms.filter((form) => (cut === 'even') === (form === 'uniform'));
    const [from, { tokens }] = [familyFolder(name), oracleOf(name)];
    writeForms({ name, cut, from, tokens, compact: made.compact }, wanted);
    made.dense.dispose();
    made.compact.dispose();
  }
}

/** Six heads do not divide a width of 32: a mistral, whose positions must turn as the llama's did. */
const ropes = {
  default: {},
  linear: { factor: 2 },
  llama3: {
    ...{ factor: 8, high_freq_factor: 4, low_freq_factor: 1 },
    original_max_position_embeddings: 32,
  },
  yarn: { factor: 4, original_max_position_embeddings: 16 },
};
for (const [type, scaling] of Object.entries(ropes)) {
  const name = `llama-six-heads-${type}`;
  if (only !== undefined && !name.startsWith(only)) continue;
  const from = join(folder, `${name}.dense`);
  const rope_parameters = { rope_type: type, rope_theta: 500, ...scaling };
  writeModelFolder(from, { heads: 8, kvHeads: 4, width: 32 }, { rope_parameters });
  const dense = loadModel(from);
  const groups = handPartition(dense);
  const compact = compress(dense, groups, randomUnits(groups, 1, 3));
  const tokens = [0, 1].map((row) => Array.from({ length: 12 }, (_, i) => (7 * i + 5 * row) % 32));
  writeForms({ name, cut: 'even', from, tokens, compact }, ['uniform']);
  dense.dispose();
  compact.dispose();
}
