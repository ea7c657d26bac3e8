// Writing safetensors: tensor by tensor, in shards where asked, and never half a file under its final name.
import { renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { LoraShearError } from '../errors.js';
import { native } from '../native/load.js';
import { type DType, dtypeBytes, safetensorsName } from '../tensor/dtype.js';
import { to } from '../tensor/ops.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { maxHeaderBytes } from './safetensors_header.js';
import {
  discard,
  flushFolder,
  writeAll,
  writeDurably,
  writeFailure,
  writeTextDurably,
} from './durable_file.js';

/** Hugging Face's own default for one file. */
export const defaultShardBytes = 5_000_000_000;

export interface SaveOptions {
  /** Strings for `__metadata__`; loaders of Hugging Face look for `format`. */
  metadata?: Readonly<Record<string, string>>;
  /** Floating-point tensors are stored in this type; default: the type that they have. */
  dtype?: DType;
  /** Largest number of bytes of tensors in one file. */
  maxShardBytes?: number;
}

/** What the header says of a tensor. */
export interface Stored {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly bytes: number;
}

/** One tensor and how it will be stored. */
interface StoredTensor extends Stored {
  readonly tensor: Tensor;
}

/** Writes the file `path`, header first, then the tensors of `shard` one after the other, and flushes it. */
export type WriteShard<S extends Stored> = (
  path: string,
  header: Buffer,
  shard: readonly S[],
) => void;

const floating: readonly DType[] = ['float16', 'bfloat16', 'float32', 'float64'];

/**
 * Writes `tensors` to `path` (`…/model.safetensors`). Above `maxShardBytes` the files are
 * `model-00001-of-0000N.safetensors` and `model.safetensors.index.json` in the same folder.
 * All files are written beside and flushed before the first takes its name, so a failure leaves what was there.
 * @returns paths of the files, the index last
 * @throws OUTPUT_FAILED when the disk refuses (full, read-only, no such folder)
 */
export function saveSafetensors(
  path: string,
  tensors: Iterable<readonly [string, Tensor]>,
  { dtype, ...options }: SaveOptions = {},
): string[] {
  return saveShards(path, plan(tensors, dtype), writeShard, options);
}

/**
 * {@link saveSafetensors} for tensors that `write` makes itself, shard by shard.
 * @throws as saveSafetensors, and what `write` throws
 */
export function saveShards<S extends Stored>(
  path: string,
  stored: readonly S[],
  write: WriteShard<S>,
  { metadata = { format: 'pt' }, maxShardBytes = defaultShardBytes }: SaveOptions = {},
): string[] {
  // Largest elements first, so that every tensor starts at a multiple of its element's size.
  const sorted = [...stored].sort((a, b) => dtypeBytes(b.dtype) - dtypeBytes(a.dtype));
  const shards = shardsOf(sorted, maxShardBytes);
  const indexPath = `${path}.index.json`;
  const names = shards.map((_, i) => (shards.length === 1 ? path : shardPath(path, i, shards)));
  const written: [partial: string, final: string][] = [];
  const begin = (final: string): string => {
    const partial = `${final}.partial`;
    written.push([partial, final]);
    return partial;
  };
  if (Object.values(metadata).some((value) => typeof value !== 'string')) {
    throw new LoraShearError('INTERNAL', '__metadata__ maps names to strings only');
  }
  try {
    shards.forEach((shard, i) => {
      write(begin(names[i] as string), headerOf(shard, metadata), shard);
    });
    if (shards.length > 1) writeTextDurably(begin(indexPath), indexOf(shards, names));
    for (const [partial, final] of written) renameSync(partial, final);
    // What another number of shards left behind would win over the new files in some loaders.
    rmSync(shards.length > 1 ? path : indexPath, { force: true });
    flushFolder(dirname(path));
  } catch (thrown) {
    for (const [partial] of written) discard(partial);
    throw writeFailure(path, thrown);
  }
  return written.map(([, final]) => final);
}

function plan(
  tensors: Iterable<readonly [string, Tensor]>,
  dtype: DType | undefined,
): StoredTensor[] {
  const seen = new Set<string>();
  const stored: StoredTensor[] = [];
  for (const [name, tensor] of tensors) {
    if (seen.has(name) || name === '__metadata__') {
      throw new LoraShearError('INTERNAL', `cannot save two tensors as '${name}'`);
    }
    if (/\p{Surrogate}/u.test(name)) {
      throw new LoraShearError('INTERNAL', `the name ${JSON.stringify(name)} has no UTF-8`);
    }
    seen.add(name);
    const own = tensor.dtype;
    const as = dtype !== undefined && floating.includes(own) ? dtype : own;
    const bytes = tensor.size * dtypeBytes(as);
    stored.push({ name, tensor, shape: shapeOf(name, tensor), dtype: as, bytes });
  }
  return stored;
}

/** The format counts each F4; libtorch's element is a pair of them along the last dimension. */
function shapeOf(name: string, { dtype, shape }: Tensor): readonly number[] {
  if (dtype !== 'float4_e2m1fn_x2') return shape;
  const last = shape.at(-1);
  if (last !== undefined) return [...shape.slice(0, -1), last * 2];
  throw new LoraShearError(
    'CHECKPOINT_UNSUPPORTED',
    `'${name}' is one pair of F4 without a shape`,
    {
      hint: 'give it the shape [1]',
    },
  );
}

function shardsOf<S extends Stored>(stored: readonly S[], maxBytes: number): S[][] {
  const shards: S[][] = [[]];
  let filled = 0;
  for (const entry of stored) {
    if (filled > 0 && filled + entry.bytes > maxBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)?.push(entry);
    filled += entry.bytes;
  }
  return shards;
}

function shardPath(path: string, index: number, shards: readonly unknown[]): string {
  const five = (n: number): string => String(n).padStart(5, '0');
  const stem = basename(path).replace(/\.safetensors$/, '');
  return join(dirname(path), `${stem}-${five(index + 1)}-of-${five(shards.length)}.safetensors`);
}

function indexOf(shards: readonly Stored[][], names: readonly string[]): string {
  const total = shards.flat().reduce((sum, { bytes }) => sum + bytes, 0);
  const owners = shards.flatMap((shard, i) =>
    shard.map(({ name }): [string, string] => [name, basename(names[i] as string)]),
  );
  owners.sort(([a], [b]) => (a < b ? -1 : 1));
  const index = { metadata: { total_size: total }, weight_map: Object.fromEntries(owners) };
  return `${JSON.stringify(index, null, 2)}\n`;
}

/** The header padded with spaces to a multiple of 8, as the format's own writer does. */
function headerOf(shard: readonly Stored[], metadata: Readonly<Record<string, string>>): Buffer {
  // Pairs, not assignments: a tensor may be called __proto__.
  const header: [string, unknown][] = [['__metadata__', metadata]];
  let position = 0;
  for (const { name, shape, dtype, bytes } of shard) {
    const offsets = [position, (position += bytes)];
    header.push([name, { dtype: safetensorsName(dtype), shape, data_offsets: offsets }]);
  }
  const text = Buffer.from(JSON.stringify(Object.fromEntries(header)), 'utf8');
  if (text.length > maxHeaderBytes - 8) {
    const what = `a header of ${text.length} bytes is more than the format allows`;
    throw new LoraShearError('CHECKPOINT_UNSUPPORTED', what, {
      hint: 'save fewer tensors to a file, or less metadata',
    });
  }
  const length = Math.ceil(text.length / 8) * 8;
  const out = Buffer.alloc(8 + length, ' ');
  out.writeBigUInt64LE(BigInt(length));
  text.copy(out, 8);
  return out;
}

function writeShard(path: string, header: Buffer, shard: readonly StoredTensor[]): void {
  writeDurably(path, (fd) => {
    writeAll(fd, header);
    let position = header.length;
    for (const { tensor, dtype } of shard) {
      // One converted tensor at a time: memory does not grow with the model.
      position += scoped(() => {
        const converted = tensor.dtype === dtype ? tensor : to(tensor, 'cpu', dtype);
        return native().writeTensor(fd, position, converted.handle);
      });
    }
  });
}
