// The state of a training loop on disk: tensors beside a small JSON that names them, replaced atomically.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { saveSafetensors } from '../checkpoint/save.js';
import { SafetensorsFile } from '../checkpoint/safetensors.js';
import { LoraShearError } from '../errors.js';
import { writeAtomic } from '../run_folder/atomic_write.js';
import { noGrad } from '../tensor/autograd.js';
import { copy_, stack } from '../tensor/ops.js';
import { foreachNorm } from '../tensor/optimizer_ops.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';

const index = 'state.json';

const indexSchema = z.object({
  sequence: z.number().int().positive(),
  file: z.string().regex(/^state-\d+\.safetensors$/),
  json: z.unknown(),
});

/**
 * Writes `tensors` and `json` (plain JSON) into `dir`. The JSON goes last and names the tensor file, so that a kill at any
 * moment leaves the old state or the new one, never a mixture.
 */
export function saveState(dir: string, tensors: Iterable<[string, Tensor]>, json: unknown): void {
  mkdirSync(dir, { recursive: true });
  const last = existsSync(join(dir, index)) ? readIndex(dir).sequence : 0;
  const sequence = last + 1;
  const file = `state-${sequence}.safetensors`;
  saveSafetensors(join(dir, file), tensors, { maxShardBytes: Infinity }); // one file, whatever its size
  writeAtomic(join(dir, index), `${JSON.stringify({ sequence, file, json })}\n`);
  for (const name of readdirSync(dir)) {
    if (name.startsWith('state-') && name !== file) rmSync(join(dir, name));
  }
}

/** A saved state: its JSON, and its tensors by name. */
export interface SavedState<T> {
  readonly json: T;
  names(): string[];
  /** Copies the saved values into `into`. @throws RUN_CORRUPT when they are missing, of another shape or not finite */
  restore(name: string, into: Tensor): void;
  /** A tensor over the saved file. @throws RUN_CORRUPT when there is none, or it is not finite */
  tensor(name: string): Tensor;
  close(): void;
}

/** The state in `dir`, or undefined when there is none. @throws RUN_CORRUPT */
export function loadState<T>(dir: string): SavedState<T> | undefined {
  if (!existsSync(join(dir, index))) return undefined;
  const { file, json } = readIndex(dir);
  const saved = openTensors(dir, file);
  const expect = (name: string): readonly number[] => {
    const shape = saved.entries.get(name)?.shape;
    if (!shape) throw corrupt(dir, `${file} has no tensor '${name}'`);
    return shape;
  };
  /** Training cannot get out of a number that is none: it would go on for hours with it. */
  const finite = (name: string, tensor: Tensor): Tensor => {
    if (tensor.size === 0 || !/^b?float/.test(tensor.dtype)) return tensor;
    const largest = noGrad(() => scoped(() => stack(foreachNorm([tensor], Infinity), 0).item()));
    if (Number.isFinite(largest)) return tensor;
    tensor.dispose();
    throw corrupt(dir, `'${name}' in ${file} is not finite`);
  };
  return {
    json: json as T,
    names: () => [...saved.entries.keys()],
    restore(name, into) {
      const shape = expect(name);
      if (shape.join() !== into.shape.join()) {
        const shapes = `[${shape.join(', ')}], this run needs [${into.shape.join(', ')}]`;
        throw corrupt(dir, `'${name}' in ${file} has shape ${shapes}`);
      }
      noGrad(() => {
        scoped(() => {
          copy_(into, finite(name, saved.tensor(name)));
        });
      });
    },
    tensor(name) {
      expect(name);
      return finite(name, saved.tensor(name));
    },
    close() {
      saved.close();
    },
  };
}

const corrupt = (dir: string, what: string, cause?: unknown): LoraShearError =>
  new LoraShearError('RUN_CORRUPT', `the saved state in ${dir} cannot be used: ${what}`, {
    hint: `remove ${dir} to repeat the stage`,
    cause,
  });

function openTensors(dir: string, file: string): SafetensorsFile {
  try {
    return new SafetensorsFile(join(dir, file));
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw corrupt(dir, what, cause);
  }
}

function readIndex(dir: string): z.infer<typeof indexSchema> {
  try {
    return indexSchema.parse(JSON.parse(readFileSync(join(dir, index), 'utf8')));
  } catch (cause) {
    throw corrupt(dir, `${index} is damaged`, cause);
  }
}
