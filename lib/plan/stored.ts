// What the headers of a checkpoint's weight files say, without a byte of the weights.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { checkWeights } from '../checkpoint/check_weights.js';
import { openWeights } from '../checkpoint/weights.js';
import type { RawConfig } from '../models/model.js';

export interface Stored {
  readonly files: number;
  readonly bytes: number;
  /** Types of the tensors as safetensors names them, the most frequent first. */
  readonly types: readonly string[];
}

/**
 * Holds the headers against config.json; null where the folder has no safetensors.
 * @throws what {@link checkWeights} throws where names, shapes or types do not fit
 */
export function readStored(dir: string, config: RawConfig): Stored | null {
  const there = ['model.safetensors', 'model.safetensors.index.json'].some((name) =>
    existsSync(join(dir, name)),
  );
  if (!there) return null;
  const opened = openWeights(dir);
  try {
    checkWeights(dir, config, opened);
    const counts = new Map<string, number>();
    for (const { entries } of opened.files) {
      for (const { stored } of entries.values()) counts.set(stored, (counts.get(stored) ?? 0) + 1);
    }
    return {
      files: opened.files.length,
      bytes: opened.files.reduce((n, { path }) => n + statSync(path).size, 0),
      types: [...counts].sort((a, b) => b[1] - a[1]).map(([type]) => type),
    };
  } finally {
    for (const file of opened.files) file.close();
  }
}
