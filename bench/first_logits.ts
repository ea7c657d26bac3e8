// Loads a model folder and computes the last token's logits; as a program: node first_logits.js DIR DEVICE IDS
import { loadModel } from '../lib/checkpoint/load.js';
import { noGrad } from '../lib/tensor/autograd.js';
import { select } from '../lib/tensor/ops.js';
import { longTensorOn } from '../lib/tensor/placed.js';
import { scoped } from '../lib/tensor/scope.js';
import { logitRow } from './llama_folder.js';

/** A row of checks (logitRow); nothing stays. */
export function firstLogits(dir: string, ids: readonly number[], device: string): number[] {
  using model = loadModel(dir, { device, dtype: 'auto' });
  return noGrad(() =>
    scoped(() => {
      const logits = model.forward(longTensorOn(device, ids, [1, ids.length]));
      return logitRow(select(select(logits, 0, 0), 0, ids.length - 1));
    }),
  );
}

if (import.meta.filename === process.argv[1]) {
  const [dir, device, ids] = process.argv.slice(2) as [string, string, string];
  process.stdout.write(JSON.stringify(firstLogits(dir, ids.split(',').map(Number), device)));
}
