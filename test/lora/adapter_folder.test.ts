// A compact base and its adapter: what PEFT follows, what we load again, and what is refused.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadModel, readConfig } from '../../lib/checkpoint/load.js';
import { loadAdapter } from '../../lib/lora/adapter.js';
import { exportAdapter } from '../../lib/lora/adapter_folder.js';
import { detachLora } from '../../lib/lora/lora.js';
import { familyFolder, oracleOf } from '../fixtures/families.js';
import { logitsOf, relativeGap } from '../fixtures/family_model.js';
import { withLora } from '../fixtures/random_llama.js';
import { type UnevenCut, cutFixture } from '../fixtures/uneven.js';

for (const [name, cut, dtype] of [
  ['llama', 'even', 'float32'],
  ['llama', 'uneven', 'float32'],
  ['qwen2', 'halves', 'bfloat16'],
  ['gpt2', 'even', 'float32'],
] as const satisfies [string, UnevenCut, string][]) {
  t.test(`when ${name} (${cut}, ${dtype}) goes out with its adapter, then both load`, (t) => {
    const dir = t.testdir({});
    const from = familyFolder(name);
    const { tokens } = oracleOf(name);
    const { dense, compact } = cutFixture(name, cut)!;
    withLora(compact);
    const form = cut === 'even' ? 'uniform' : 'per-layer';
    const card = { title: 'base' };
    const { base, adapter } = exportAdapter(compact, dir, { from, card, form, dtype });
    t.equal(base.dir, join(dir, 'base'));
    t.match(JSON.parse(readFileSync(join(adapter, 'adapter_config.json'), 'utf8')), {
      base_model_name_or_path: join(dir, 'base'),
      r: 2,
      lora_alpha: 4,
    });
    const again = loadModel(base.dir);
    const { verified } = loadAdapter(again, adapter);
    t.ok(verified, 'the fingerprint is that of the base as it is stored');
    const expected = logitsOf(compact, tokens).flat(2);
    const gap = relativeGap(logitsOf(again, tokens).flat(2), expected);
    t.ok(gap <= (dtype === 'float32' ? 1e-6 : 3e-2), `logits differ by ${gap}`);
    detachLora(again);
    t.ok(relativeGap(logitsOf(again, tokens).flat(2), expected) > 5e-2, 'LoRA does something');
    exportAdapter(compact, dir, { from, card: { title: 'second' }, form, baseName: 'org/base' });
    t.match(readFileSync(join(adapter, 'README.md'), 'utf8'), 'org/base');
    t.equal(readConfig(base.dir)['dtype'], 'float32');
    for (const owner of [dense, compact, again]) owner.dispose();
    t.end();
  });
}

t.test('when there is no LoRA, zeros to fill, or another file, then nothing is written', (t) => {
  const dir = t.testdir({ out: {} });
  const out = join(dir, 'out');
  const from = familyFolder('llama');
  const { dense, compact } = cutFixture('llama', 'even')!;
  const write = (form?: 'padded'): unknown =>
    exportAdapter(compact, out, { from, card: { title: 'x' }, ...(form ? { form } : {}) });
  t.throws(() => write(), { code: 'CONFIG_INVALID' });
  withLora(compact);
  t.throws(() => write('padded'), { code: 'EXPORT_FORM', hint: /per-layer/ });
  t.same(readdirSync(out), []);
  write();
  writeFileSync(join(out, 'adapter', 'notes.txt'), 'mine');
  t.throws(() => write(), { code: 'OUTPUT_OCCUPIED' });
  mkdirSync(join(out, 'more'));
  t.throws(() => write(), { code: 'OUTPUT_OCCUPIED' });
  t.equal(readFileSync(join(out, 'adapter', 'notes.txt'), 'utf8'), 'mine');
  for (const owner of [dense, compact]) owner.dispose();
  t.end();
});
