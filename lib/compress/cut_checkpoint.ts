// The cut from folder to folder, tensor by tensor in blocks: its memory does not grow with the model (algorithm §4).
import { basename } from 'node:path';
import { checkWeights } from '../checkpoint/check_weights.js';
import { type BlockWriter, blockFor, writeBlocks } from '../checkpoint/block_writer.js';
import type { Form } from '../checkpoint/form_of.js';
import { formed } from '../checkpoint/forms.js';
import { readConfig } from '../checkpoint/load.js';
import type { ModelCard } from '../checkpoint/model_card.js';
import { type Exported, exportFolder } from '../checkpoint/model_folder.js';
import { type Stored, saveShards } from '../checkpoint/save.js';
import { type StoredSlice, partsOf } from '../checkpoint/stored_slice.js';
import { StoredTensors } from '../checkpoint/stored_tensors.js';
import type { Context } from '../context.js';
import type { Partition } from '../groups/group.js';
import { architectureOf } from '../models/index.js';
import type { RawConfig } from '../models/model.js';
import { metaWeights } from '../nn/weight_source.js';
import { type DType, dtypeBytes } from '../tensor/dtype.js';
import { to } from '../tensor/ops.js';
import { scoped } from '../tensor/scope.js';
import { tensorFrom } from '../tensor/tensor.js';
import type { Removed } from './losses.js';
import { type CutRecipe, type TensorRecipe, checkShape, cutRecipe, keptOf } from './recipe.js';
import { rescaled } from './rescale.js';

export interface CutCheckpointOptions {
  /** Largest number of bytes of tensors in one file; default: Hugging Face's. */
  readonly maxShardBytes?: number;
  /** `uniform` or `per-layer`; default: the first that the cut fits. */
  readonly form?: Exclude<Form, 'padded'>;
  /** For README.md. */
  readonly card?: ModelCard;
  /** Folder that tokenizer, generation settings and licence are copied from; default: the folder that is cut. */
  readonly from?: string;
}

export interface CutCheckpoint extends Exported {
  /** config.json of the cut model, before what the export adds. */
  readonly config: RawConfig;
}

/** A tensor of the cut model: what of the stored one is read, and its factor. */
interface Piece extends Stored {
  readonly slice: StoredSlice;
  readonly rescaling: TensorRecipe['rescaling'];
}

/**
 * Cuts the model in the folder `dir` to the folder `out`, as `compress` and `exportModel` would, without a model in
 * memory: a few MiB beside what the partition takes. Elements keep their type and their bits; only tensors that are
 * rescaled (norms over the residual width) are computed, in float32, and rounded once. A tied head is left out.
 * `out` appears whole or not at all; an abort leaves what was there.
 * @throws PARTITION_INVALID as `compress`, EXPORT_FORM, OUTPUT_OCCUPIED, OUTPUT_FAILED, RUN_ABORTED, and what loading `dir` throws
 */
export function cutCheckpoint(
  ctx: Context,
  dir: string,
  partition: Partition,
  removed: Removed,
  out: string,
  { maxShardBytes, form, card = { title: basename(out) }, from = dir }: CutCheckpointOptions = {},
): CutCheckpoint {
  const given = readConfig(dir);
  const recipe = cutRecipe(given, partition, removed);
  using source = new StoredTensors(dir);
  checkWeights(dir, given, source.weights);
  const pieces = piecesOf(recipe, source);
  const config = { ...recipe.config, ...typeOf(recipe.config, pieces) };
  const parameters = pieces.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const block = blockFor(Math.max(...pieces.map(({ slice }) => slice.rowBytes)));
  const write = (path: string, header: Buffer, shard: readonly Piece[]): void => {
    const size = shard.reduce((sum, { bytes }) => sum + bytes, header.length);
    writeBlocks(path, block, size, (writer) => {
      writer.write(header);
      for (const piece of shard) copyPiece(ctx, source, piece, writer);
    });
  };
  using shapes = architectureOf(config).build(config, metaWeights());
  const fitting = 'per_layer_config' in config ? 'per-layer' : 'uniform';
  const shaped = formed(shapes, { form: form ?? fitting });
  const exported = exportFolder(shaped, out, { from, card, parameters }, (path) =>
    saveShards(path, pieces, write, maxShardBytes === undefined ? {} : { maxShardBytes }),
  );
  return { ...exported, config };
}

/** Every tensor that the cut model asks for, in the order of its parameters. */
function piecesOf(recipe: CutRecipe, source: StoredTensors): Piece[] {
  using model = architectureOf(recipe.config).build(recipe.config, metaWeights());
  return [...model.parameters()].map(([name, { shape: expected }]) => {
    const tensor = recipe.of(name);
    const slice = sliceFor(source, tensor);
    checkShape(name, slice.shape, expected);
    const dtype = source.dtype(slice);
    const bytes = sizeOf(expected) * dtypeBytes(dtype);
    return { name, shape: expected, dtype, bytes, slice, rescaling: tensor.rescaling };
  });
}

/** What stays of a stored tensor. */
function sliceFor(source: StoredTensors, { source: name, losses }: TensorRecipe): StoredSlice {
  return source.slice(name, keptOf(source.slice(name).shape, losses));
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((n, extent) => n * extent, 1);

/** The element type for config.json: the one that most bytes have, whatever it said before. */
function typeOf(config: RawConfig, pieces: readonly Piece[]): RawConfig {
  const bytes = new Map<DType, number>();
  for (const piece of pieces) bytes.set(piece.dtype, (bytes.get(piece.dtype) ?? 0) + piece.bytes);
  const [most] = [...bytes].sort(([, a], [, b]) => b - a);
  return most ? { ['dtype' in config ? 'dtype' : 'torch_dtype']: most[0] } : {};
}

/** Reads a tensor in parts that fit the block, and writes what stays of them. */
function copyPiece(
  ctx: Context,
  source: StoredTensors,
  { slice, rescaling, dtype }: Piece,
  writer: BlockWriter,
): void {
  const { rowBytes } = slice;
  if (rowBytes === 0) return;
  for (const rows of partsOf(slice, () => Math.floor(writer.room(rowBytes).length / rowBytes))) {
    ctx.checkpoint();
    const room = writer.room(rowBytes);
    const count = source.readInto(slice, rows, room);
    if (rescaling) {
      scoped(() => {
        const stored = tensorFrom(room.subarray(0, count), dtype, [count / dtypeBytes(dtype)]);
        const computed = rescaled(to(stored, 'cpu', 'float32'), rescaling);
        room.set(new Uint8Array(to(computed, 'cpu', dtype).toBytes()));
      });
    }
    writer.advance(count);
  }
}
