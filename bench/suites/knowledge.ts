// Knowledge distribution (paper Alg. 3) of the default model: every node group without half of its units, beside a Python loop.
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel } from '../../lib/checkpoint/load.js';
import { createContext } from '../../lib/context.js';
import { distribution } from '../../lib/knowledge/distribution.js';
import { discoverGraph, discoverGroups } from '../../lib/pipeline/discover.js';
import type { TokenBatch } from '../../lib/train/language_model_loss.js';
import { waiterFor } from '../device.js';
import { tokenIds, writeLlama } from '../llama_folder.js';
import { defaultModel } from '../sliced_matrices.js';
import {
  type Budget,
  type Case,
  type Checks,
  type Measurement,
  type Suite,
  alsoAtMost,
  fasterThan,
} from '../suite.js';
import { timed } from '../timed.js';

const shape = { ...defaultModel, vocabulary: 8192 };
const [texts, length] = [8, 256];

function knowledgeCase(dtype: 'float32' | 'bfloat16', device: string, times: number): Case {
  const dir = join(tmpdir(), `lorashear-bench-knowledge-${process.pid}-${dtype}`);
  const heads = { heads: shape.heads, kvHeads: shape.kvHeads };
  return {
    name: `default model, 16 node groups on ${texts}×${length}, ${dtype}`,
    ...{ unit: 's', peers: ['loop'], tolerance: dtype === 'float32' ? 1e-5 : 2e-3 },
    parameters: { dir, device, texts, length, ...heads, ids: tokenIds(texts * length, 8192) },
    targets: [
      fasterThan('loop', times),
      alsoAtMost('extraRatio', 0.99, 'a further ratio costs less than the first'),
    ],
    prepare({ dir: folder, ids }) {
      const path = folder as string;
      writeLlama(path, shape, dtype);
      const model = loadModel(path, { device, dtype: 'auto' });
      const { groups } = discoverGroups(discoverGraph(path, null));
      const batch: TokenBatch = { ids: Int32Array.from(ids as number[]), batch: texts, length };
      const ctx = createContext({ device });
      const analyse = (ratios: readonly number[]) =>
        distribution(ctx, model, groups, [batch], {
          proxy: 'magnitude',
          ratios,
          protectShare: 0.1,
          seed: 0,
        });
      const wait = waiterFor(device);
      const measure = (ratios: readonly number[]) =>
        timed({ call: () => void analyse(ratios), wait });
      return {
        measure(budget: Budget): Measurement {
          const once = { ...budget, calls: 1 };
          const [one = NaN] = measure([0.5])(once).values;
          const [two = NaN] = measure([0.25, 0.5])(once).values;
          return { values: [one], also: { extraRatio: (two - one) / one } };
        },
        check(): Checks {
          const { dense, groups: found } = analyse([0.5]);
          const loss = new Map(found.map(({ id, trials }) => [id, trials[0]?.loss ?? NaN]));
          const ours = [
            dense.loss,
            ...Array.from({ length: shape.layers }, (_, l) => [
              loss.get(`layers.${l}.self_attn.heads`) ?? NaN,
              loss.get(`layers.${l}.mlp.channels`) ?? NaN,
            ]).flat(),
          ];
          return { losses: [Math.hypot(...ours), ...ours] };
        },
        dispose() {
          model.dispose();
          rmSync(path, { recursive: true, force: true });
        },
      };
    },
  };
}

export const knowledgeSuite: Suite = {
  name: 'knowledge',
  what: 'the knowledge map of the default model, beside a Python loop over its node groups',
  quick: false,
  threaded: true,
  cases: ({ device }) => [
    knowledgeCase('float32', device, 4),
    knowledgeCase('bfloat16', device, 2.5),
  ],
};
