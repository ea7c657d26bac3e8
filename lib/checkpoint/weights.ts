// All weight files of a model folder, open, and which of them holds which tensor.
import { basename } from 'node:path';
import { LoraShearError } from '../errors.js';
import { readIndex } from './hf_index.js';
import { SafetensorsFile } from './safetensors.js';

export interface Weights {
  readonly files: readonly SafetensorsFile[];
  /** The file of every tensor that any of them holds, in the index or not. */
  readonly owner: ReadonlyMap<string, SafetensorsFile>;
}

/**
 * What the files call tensor `name`: a file of the bare model, as OpenAI's GPT-2, lacks the first level of its names
 * (`h.0…` for `transformer.h.0…`).
 */
export function storedName(name: string, { owner }: Weights): string {
  const bare = name.slice(name.indexOf('.') + 1);
  return !owner.has(name) && owner.has(bare) ? bare : name;
}

/**
 * Opens the weight files of `dir`; the caller closes them.
 * @throws SAFETENSORS_INVALID, and what {@link readIndex} throws
 * @throws CHECKPOINT_INVALID when two files hold one name, or a file lacks what the index says it holds
 */
export function openWeights(dir: string): Weights {
  const { files: paths, promised } = readIndex(dir);
  const files: SafetensorsFile[] = [];
  const owner = new Map<string, SafetensorsFile>();
  try {
    for (const path of paths) {
      const file = new SafetensorsFile(path);
      files.push(file);
      for (const name of file.entries.keys()) {
        const other = owner.get(name);
        if (other) {
          const where = `${basename(other.path)} and ${basename(path)}`;
          const hint = 'remove the shards that do not belong to this model';
          throw broken(`${dir}: '${name}' is in two weight files, ${where}`, hint);
        }
        owner.set(name, file);
      }
    }
    for (const [name, path] of promised) {
      if (owner.get(name)?.path === path) continue;
      const hint = 'the shard or the index belongs to another model: copy or download both again';
      throw broken(`the index of ${dir} has '${name}' in ${basename(path)}, which lacks it`, hint);
    }
    return { files, owner };
  } catch (thrown) {
    for (const file of files) file.close();
    throw thrown;
  }
}

const broken = (what: string, hint: string): LoraShearError =>
  new LoraShearError('CHECKPOINT_INVALID', what, { hint });
