// GPT-2 stores its weights (in, out): pruning must not notice. A GPT-2 by linears stored the usual way is the truth.
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { sliceIndices } from '../../lib/groups/slice_indices.js';
import { transferOf, transferShare } from '../../lib/lhspg/transfer.js';
import { loraDelta } from '../../lib/lora/lora.js';
import { Linear, type Layout } from '../../lib/nn/linear.js';
import { statisticsOf } from '../../lib/saliency/group_moments.js';
import type { Scores } from '../../lib/saliency/saliency.js';
import { transpose } from '../../lib/tensor/ops.js';
import { keep, scoped, tensorCount } from '../../lib/tensor/scope.js';
import { floatTensor } from '../../lib/tensor/tensor.js';
import { familyFolder } from '../fixtures/families.js';
import { randomNumbers, withLora } from '../fixtures/random_llama.js';
import { structuresOf } from '../fixtures/structures.js';

const [ins, outs] = [4, 4]; // square, so that no shape tells

/** The same linear, stored either way. */
function stored(layout: Layout): Linear {
  const values = Array.from(randomNumbers(3, ins * outs));
  const linear = new Linear(
    (_, shape) => {
      const flipped = values.map((_v, i) => values[(i % outs) * ins + Math.floor(i / outs)]!);
      return keep(floatTensor(layout === 'out-in' ? values : flipped, shape));
    },
    ins,
    outs,
    false,
    layout,
  );
  linear.lora = {
    A: keep(floatTensor(randomNumbers(5, 2 * ins), [2, ins])),
    B: keep(floatTensor(randomNumbers(6, 2 * outs), [outs, 2])),
    scale: 2,
  };
  return linear;
}

const seen = (linear: Linear): number[] => scoped(() => linear.matrix.toArray());

t.test('when inputs say what others said, then both layouts move the same', (t) => {
  const before = tensorCount();
  const coefficients = floatTensor(randomNumbers(8, 3), [3, 1]);
  const fit = { redundant: [1], staying: [0, 2, 3], coefficients };
  const [usual, conv] = [stored('out-in'), stored('in-out')];
  const untouched = seen(usual);
  for (const linear of [usual, conv]) {
    const transfer = transferOf('x', linear, fit);
    transferShare(linear, transfer, 0.5);
    transfer.told.dispose();
  }
  t.same(seen(conv), seen(usual));
  t.notSame(seen(usual), untouched);
  for (const owner of [usual, conv, coefficients]) owner.dispose();
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when units of GPT-2 are measured, then norms and steps are those of its numbers', (t) => {
  const model = loadModel(familyFolder('gpt2'));
  withLora(model);
  const kinds = ['attention_heads', 'mlp_channels'] as const;
  const { groups } = structuresOf(model, kinds, { lora: true });
  const open = groups.filter(({ prunable }) => prunable);
  const parameters = new Map(model.parameters());
  const linears = model.linears();
  const input = { model, groups: open, statistics: new Map(), removed: new Map(), seed: 0 };
  const of = (part: 'squared' | 'inner'): Scores =>
    statisticsOf(input, (moments) => Math.abs(moments[part]));
  const [squared, inner] = [of('squared'), of('inner')];
  for (const { id, units, slices } of open) {
    for (const unit of [0, units - 1]) {
      let [norm, product] = [0, 0];
      for (const slice of slices.filter(({ lora }) => lora === null)) {
        const weight = parameters.get(slice.param)!;
        const columns = weight.shape[1] ?? 1;
        const lora = linears.get(slice.param.replace(/\.weight$/, ''))?.lora;
        const update =
          lora && slice.param.endsWith('.weight')
            ? scoped(() => transpose(loraDelta(lora), 0, 1).toArray()) // as the weight is stored
            : [];
        const taken = new Set(sliceIndices(slice, units, unit));
        weight.toArray().forEach((w, n) => {
          const at = slice.dim === 0 ? Math.floor(n / columns) : n % columns;
          if (!taken.has(at)) return;
          norm += w * w;
          product += w * (update[n] ?? 0);
        });
      }
      const close = (found: number, expected: number): boolean =>
        Math.abs(found - expected) <= 1e-4 * Math.max(1, Math.abs(expected));
      t.ok(close(squared.get(id)![unit]!, norm), `${id} ${unit}: ‖x‖² ${norm}`);
      t.ok(close(inner.get(id)![unit]!, Math.abs(product)), `${id} ${unit}: ⟨x, u⟩ ${product}`);
    }
  }
  t.ok(open.length > 2);
  model.dispose();
  t.end();
});
