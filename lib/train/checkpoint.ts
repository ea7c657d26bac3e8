// The state of a training loop on disk: tensors beside a small JSON that names them, replaced atomically.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { saveSafetensors } from '../checkpoint/save.js';
import { SafetensorsFile } from '../checkpoint/safetensors.js';
import { LoraShearError } from '../errors.js';
import { writeAtomic } from '../run_folder/atomic_write.js';
import { noGrad } from '../tensor/autograd.js';
import { copy_ } from '../tensor/ops.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';

const index = 'state.json';

/**
 * Writes `tensors` and `json` into `dir`. The JSON goes last and names the tensor file, so that a kill at any
 * moment leaves the old state or the new one, never a mixture.
 */
export function saveState(dir: string, tensors: Iterable<[string, Tensor]>, json: unknown): void {
  mkdirSync(dir, { recursive: true });
  const last = existsSync(join(dir, index)) ? readIndex(dir).sequence : 0;
  const sequence = last + 1;
  const file = `state-${sequence}.safetensors`;
  saveSafetensors(join(dir, file), tensors);
  writeAtomic(join(dir, index), `${JSON.stringify({ sequence, file, json })}\n`);
  for (const name of readdirSync(dir)) {
    if (name.startsWith('state-') && name !== file) rmSync(join(dir, name));
  }
}

/** A saved state: its JSON, and its tensors by name. */
export interface SavedState<T> {
  readonly json: T;
  names(): string[];
  /** Copies the saved values into `into`. */
  restore(name: string, into: Tensor): void;
  /** A tensor over the saved file. */
  tensor(name: string): Tensor;
  close(): void;
}

/** The state in `dir`, or undefined when there is none. @throws RUN_CORRUPT */
export function loadState<T>(dir: string): SavedState<T> | undefined {
  if (!existsSync(join(dir, index))) return undefined;
  const { file, json } = readIndex(dir);
  const saved = new SafetensorsFile(join(dir, file));
  return {
    json: json as T,
    names: () => [...saved.entries.keys()],
    restore(name, into) {
      noGrad(() => {
        scoped(() => {
          copy_(into, saved.tensor(name));
        });
      });
    },
    tensor: (name) => saved.tensor(name),
    close() {
      saved.close();
    },
  };
}

function readIndex(dir: string): { sequence: number; file: string; json: unknown } {
  try {
    return JSON.parse(readFileSync(join(dir, index), 'utf8')) as ReturnType<typeof readIndex>;
  } catch (cause) {
    throw new LoraShearError('RUN_CORRUPT', `${join(dir, index)} is not readable`, {
      hint: `remove ${dir} to repeat the stage`,
      cause,
    });
  }
}
