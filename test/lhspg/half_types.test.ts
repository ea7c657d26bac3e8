// bf16 base weights with float32 LoRA: exact zeros, proofs on the way, the same after a stop.
import { join } from 'node:path';
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { createContext } from '../../lib/context.js';
import { windows } from '../../lib/data/packing.js';
import { createSampler } from '../../lib/data/sampler.js';
import { lhspg } from '../../lib/lhspg/train.js';
import type { LhspgResult } from '../../lib/lhspg/options.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { familyFolder } from '../fixtures/families.js';
import { inFolder, smallOptions } from '../fixtures/lhspg_run.js';
import { someUnits, structuresOf } from '../fixtures/structures.js';
import { batchOf, madeUpText, snapshot, stoppingContext } from '../fixtures/tiny_training.js';

const kinds = ['attention_heads', 'mlp_channels'] as const;

function run(dtype: 'float32' | 'bfloat16', dir: string, ctx = createContext()): LhspgResult {
  const open = () => loadModel(familyFolder('llama3'), { dtype });
  const partition = (() => {
    using dense = open();
    return structuresOf(dense, kinds, { lora: true });
  })();
  const totals = new Map(
    [...someUnits(partition, kinds, 3)].map(([id, { length }]) => [id, length]),
  );
  const text = { name: 'x', windows: windows({ ids: madeUpText(12 * 20 + 1, 1) }, 12) };
  const sampler = createSampler({ sources: [text], seed: 5 });
  const data = {
    sampler,
    calibration: [batchOf(1)],
    probe: batchOf(2),
    guarded: new Set<string>(),
  };
  const options = { ...smallOptions, learningRate: 1e-3, saveEvery: 2 };
  return lhspg(ctx, { open, partition, totals, ...data, stateDir: join(dir, 'state') }, options);
}

t.test(
  'when the base is bf16, then LHSPG ends near what float32 ends with, and resumes bit for bit',
  (t) => {
    const before = tensorCount();
    const dtypes = new Set<string>();
    inFolder((dir) => {
      const whole = run('float32', join(dir, 'float32'));
      const half = run('bfloat16', join(dir, 'half'));
      for (const [, p] of half.model.parameters()) dtypes.add(p.dtype);
      t.strictSame([...dtypes], ['bfloat16']);
      half.losses.forEach(({ loss }, i) => {
        t.ok(Math.abs(loss - whole.losses[i]!.loss) < 0.05 * loss, `step ${i + 1}: ${loss}`);
      });
      t.strictSame(
        half.kept.map(({ removed }) => removed.length),
        whole.kept.map(({ removed }) => removed.length),
      );
      t.ok(half.periods.every(({ equality, chosen }) => chosen.length === 0 || equality));
      const expected = snapshot(half.model);
      half.model.dispose();
      whole.model.dispose();
      for (const stop of [3, 8, 12]) {
        const state = join(dir, `stopped-${stop}`);
        t.throws(() => run('bfloat16', state, stoppingContext(stop).ctx), { code: 'RUN_ABORTED' });
        const { model } = run('bfloat16', state);
        t.strictSame(snapshot(model), expected, `stopped at checkpoint ${stop}`);
        model.dispose();
      }
    });
    t.equal(tensorCount(), before);
    t.end();
  },
);
