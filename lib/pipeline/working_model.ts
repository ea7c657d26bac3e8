// A model between two stages: float32 on disk, whatever the export will store, so that stages start from files alone.
import { join } from 'node:path';
import { saveSafetensors } from '../checkpoint/save.js';
import type { Model } from '../models/model.js';
import { writeJson } from '../run_folder/atomic_write.js';

/** Writes config.json and model.safetensors to `dir`; loadModel reads them back bit for bit. */
export function saveWorkingModel(model: Model, dir: string): void {
  saveSafetensors(join(dir, 'model.safetensors'), model.parameters());
  writeJson(join(dir, 'config.json'), model.config);
}

/** Number of parameters, tied ones once. */
export function countParameters(model: Model): number {
  const tensors = new Set([...model.parameters()].map(([, tensor]) => tensor));
  return [...tensors].reduce((total, { size }) => total + size, 0);
}
