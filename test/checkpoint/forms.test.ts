// Every family in every form: our loader reads back what was computed, and stock configs have stock keys.
import t from 'tap';
import { join } from 'node:path';
import { readConfig } from '../../lib/checkpoint/load.js';
import { type Exported, exportModel } from '../../lib/checkpoint/model_folder.js';
import { SafetensorsFile } from '../../lib/checkpoint/safetensors.js';
import { verifyExport } from '../../lib/compress/verify.js';
import { createContext } from '../../lib/context.js';
import { architectureOf } from '../../lib/models/index.js';
import type { Model } from '../../lib/models/model.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { longTensor } from '../../lib/tensor/tensor.js';
import { families, familyFolder, oracleOf } from '../fixtures/families.js';
import { cutFixture, unevenCuts } from '../fixtures/uneven.js';

const ctx = createContext();
const card = { title: 'a test' };

const size = (model: Model): number =>
  [...model.parameters()].reduce((sum, [, p]) => sum + p.size, 0);

for (const name of families()) {
  for (const cut of unevenCuts) {
    t.test(`when ${name} is cut (${cut}), then each form that holds it computes the same`, (t) => {
      const before = tensorCount();
      const made = cutFixture(name, cut);
      if (!made) {
        t.equal(cut, 'queries', 'everything else is found in every family');
        t.end();
        return;
      }
      const { dense, compact } = made;
      const rows = oracleOf(name).tokens;
      const tokens = longTensor(rows.flat(), [rows.length, rows[0]!.length]);
      const dir = t.testdir({});
      const write = (form: Exported['form']): { exported: Exported; gap: number } => {
        const out = join(dir, form);
        const exported = exportModel(compact, out, { from: familyFolder(name), card, form });
        const { maxAbsDifference, logitScale } = verifyExport(ctx, out, compact, tokens);
        return { exported, gap: maxAbsDifference / logitScale };
      };
      /** Nothing but keys that the dense config has, or that the family names for sizes. */
      const stock = (form: string): void => {
        const { sizes } = architectureOf(dense.config);
        const known = new Set([
          ...Object.keys(readConfig(familyFolder(name))),
          ...Object.values(sizes).filter((key) => typeof key === 'string'),
          ...['decoder_sparse_step', 'mlp_only_layers', 'sliding_window', 'lorashear'],
        ]);
        const odd = Object.keys(readConfig(join(dir, form))).filter((key) => !known.has(key));
        t.same(odd, [], `${form}: stock keys only`);
      };
      if (cut === 'even') {
        const { exported, gap } = write('uniform');
        t.equal(gap, 0);
        t.equal(exported.parameters, size(compact));
        t.equal(exported.waste, undefined);
        stock('uniform');
      } else {
        t.throws(() => write('uniform'), {
          code: 'EXPORT_FORM',
          message: /layers? \d/,
          hint: /padded.*per-layer/,
        });
        const { exported, gap } = write('padded');
        t.ok(gap <= 1e-5, `padded logits differ by ${gap}`);
        t.ok(exported.waste!.parameters > 0);
        t.equal(exported.waste!.parameters, exported.parameters - size(compact));
        t.equal(exported.waste!.bytes, 4 * exported.waste!.parameters);
        stock('padded');
      }
      const { exported, gap } = write('per-layer');
      t.equal(gap, 0);
      t.equal(exported.parameters, size(compact));
      t.equal('per_layer_config' in readConfig(join(dir, 'per-layer')), cut !== 'even');
      for (const owner of [dense, compact, tokens]) owner.dispose();
      t.equal(tensorCount(), before, 'no tensor is left');
      t.end();
    });
  }
}

t.test('when a padded head count does not load, then more heads are zeros', (t) => {
  const dir = t.testdir({});
  // gpt2 takes hidden_size / heads for the width of a head, so that only all heads load.
  const { dense, compact } = cutFixture('gpt2', 'uneven')!;
  exportModel(compact, join(dir, 'out'), { from: familyFolder('gpt2'), card, form: 'padded' });
  t.match(readConfig(join(dir, 'out')), { n_head: 3, n_inner: 91, n_embd: 24 });
  t.notOk('head_dim' in readConfig(join(dir, 'out')));
  for (const owner of [dense, compact]) owner.dispose();
  t.end();
});

t.test('when an element type is asked for, then all forms are stored in it', (t) => {
  const dir = t.testdir({});
  const { dense, compact } = cutFixture('llama', 'uneven')!;
  const from = familyFolder('llama');
  for (const form of ['padded', 'per-layer'] as const) {
    const out = join(dir, form);
    const { bytes, parameters } = exportModel(compact, out, {
      from,
      card,
      form,
      dtype: 'bfloat16',
    });
    using file = new SafetensorsFile(join(out, 'model.safetensors'));
    t.same(new Set(Array.from(file.entries.values(), (e) => e.dtype)), new Set(['bfloat16']));
    t.equal(readConfig(out)['dtype'], 'bfloat16');
    t.ok(bytes < 2 * parameters + 4000);
    const tokens = longTensor([5, 4, 3], [1, 3]);
    verifyExport(ctx, out, compact, tokens);
    tokens.dispose();
  }
  for (const owner of [dense, compact]) owner.dispose();
  t.end();
});
