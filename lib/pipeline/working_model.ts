// A model between two stages: on disk in the type that the job trains in, so that stages start from files alone.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '../checkpoint/load.js';
import { saveSafetensors } from '../checkpoint/save.js';
import type { Job } from '../config/job.js';
import type { Context } from '../context.js';
import type { Model } from '../models/model.js';
import { writeJson } from '../run_folder/atomic_write.js';

/** A model of a run in the type that the job trains in. The caller disposes it. */
export function openWorkingModel(
  { device }: Context,
  { dtype }: Pick<Job, 'dtype'>,
  dir: string,
): Model {
  return loadModel(dir, { device, dtype });
}

/** Writes config.json and model.safetensors to `dir`; loadModel reads them back bit for bit. */
export function saveWorkingModel(model: Model, dir: string): void {
  mkdirSync(dir, { recursive: true });
  saveSafetensors(join(dir, 'model.safetensors'), model.parameters());
  writeJson(join(dir, 'config.json'), model.config);
}

/** Number of parameters, tied ones once. */
export function countParameters(model: Model): number {
  const tensors = new Set([...model.parameters()].map(([, tensor]) => tensor));
  return [...tensors].reduce((total, { size }) => total + size, 0);
}
