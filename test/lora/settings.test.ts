import { attachLora } from '../../lib/lora/lora.js';
import {
  type LoraSettings,
  checkSettings,
  defaults,
  scalingOf,
  settingsOf,
} from '../../lib/lora/settings.js';
import { test } from '../fixtures/no_leak.js';
import { baseOf, optionsOf, peftCases } from '../fixtures/peft.js';
import { randomLlama } from '../fixtures/random_llama.js';

const plain: LoraSettings = { ...defaults, r: 4, alpha: 8 };

test('when settings are wrong, then the error names the key and the rule', (t) => {
  checkSettings(plain);
  for (const [wrong, key] of [
    [{ r: 0 }, 'r'],
    [{ r: 1.5 }, 'r'],
    [{ rankPattern: { q_proj: -1 } }, 'q_proj'],
    [{ alpha: NaN }, 'alpha'],
    [{ alphaPattern: { q_proj: Infinity } }, 'q_proj'],
    [{ dropout: 1 }, 'dropout'],
    [{ dropout: NaN }, 'dropout'],
    [{ targets: '.*', layersToTransform: [1] }, 'targets'],
  ] as [Partial<LoraSettings>, string][]) {
    const expected = { code: 'CONFIG_INVALID', hint: /^it must be / };
    t.match(
      t.throws(() => checkSettings({ ...plain, ...wrong }), expected),
      {
        message: `LoRA: ${key} is`,
      },
    );
  }
});

for (const c of peftCases) {
  test(`when options are PEFT's (${c.name}), then so are the scales`, (t) => {
    const settings = { ...defaults, ...optionsOf(c) };
    for (const [path, scale] of Object.entries(c.scales)) {
      t.equal(scalingOf(settings, path).scale, scale, path);
    }
  });
}

test('when patterns overlap, then the first counts', (t) => {
  const rankPattern = { 'layers.0.*q_proj': 2, q_proj: 3 };
  const ranks = [0, 1].map((i) => scalingOf({ ...plain, rankPattern }, `m.layers.${i}.a.q_proj`).r);
  t.same(ranks, [2, 3]);
});

test('when settings are asked for, then those that were given, as long as they hold', (t) => {
  const model = randomLlama();
  t.equal(settingsOf(model), undefined);
  attachLora(model, { r: 2, alpha: 3, seed: 1, targets: ['q_proj', 'up_proj'], useRslora: true });
  t.match(settingsOf(model), { targets: ['q_proj', 'up_proj'], useRslora: true });
  model.dispose();
});

test('when factors were set by hand, then settings that say the same are found', (t) => {
  for (const c of peftCases) {
    const model = baseOf(c);
    attachLora(model, optionsOf(c));
    const by = new Map([...model.modules()]);
    const other = baseOf(c);
    for (const [path, linear] of other.linears()) {
      const { lora } = by.get(path) as typeof linear;
      if (lora) linear.lora = { ...lora };
    }
    const found = settingsOf(other)!;
    for (const [path, { lora }] of other.linears()) {
      if (!lora) continue;
      const { r, scale } = scalingOf(found, path);
      t.equal(r, lora.A.extent(0));
      t.ok(Math.abs(scale / lora.scale - 1) < 1e-15);
    }
    for (const linear of other.linears().values()) linear.lora = null;
    model.dispose();
    other.dispose();
  }
});
