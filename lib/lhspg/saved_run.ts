// What an LHSPG run leaves on disk to go on bit for bit: weights, LoRA, moments, transfers, and where it stands.
import { architectureOf } from '../models/index.js';
import type { Model } from '../models/model.js';
import { clone, to } from '../tensor/ops.js';
import { keep } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { AdamW } from '../train/adamw.js';
import { loadState, saveState } from '../train/checkpoint.js';
import type { Shrinkage } from './running_model.js';
import type { LhspgState } from './state.js';
import { type Transfer, isRounded } from './transfer.js';

interface SavedJson {
  state: LhspgState;
  shrinkage: Shrinkage | null;
  /** Paths of their consumers. */
  transfers: string[];
}

/** What runs: the model with its LoRA, the optimiser of that, and the transfers of the period. */
export interface Running {
  readonly model: Model;
  readonly optimizer: AdamW;
  readonly shrinkage: Shrinkage | null;
  readonly transfers: Transfer[];
}

export function saveRun(dir: string, running: Running, state: LhspgState): void {
  const { model, optimizer, shrinkage, transfers } = running;
  const json: SavedJson = {
    ...{ state, shrinkage },
    transfers: transfers.map(({ path }) => path),
  };
  const parts = transfers.flatMap(({ path, told, lost }): [string, Tensor][] => [
    [nameOf(path), told],
    ...(lost ? [[lostName(path), lost] as [string, Tensor]] : []),
  ]);
  saveState(dir, [...trained(model, optimizer), ...parts], json);
}

export interface RunOpener {
  readonly device: string;
  /** The dense model as it was at the start. */
  readonly open: () => Model;
  /** Gives a model its LoRA and the optimiser of it. */
  readonly attach: (model: Model) => AdamW;
}

/**
 * What was saved in `dir`; undefined when nothing was. The caller disposes all of it.
 * @throws RUN_CORRUPT, SAFETENSORS_INVALID
 */
export function loadRun(
  dir: string,
  { device, open, attach }: RunOpener,
): { running: Running; state: LhspgState } | undefined {
  const saved = loadState<SavedJson>(dir);
  if (!saved) return undefined;
  const made: { dispose(): void }[] = [];
  const owned = <T extends { dispose(): void }>(owner: T): T => {
    made.push(owner);
    return owner;
  };
  try {
    const { state, shrinkage, transfers } = saved.json;
    const stored = (name: string): Tensor => owned(aligned(saved.tensor(name), device));
    const build = ({ config }: Shrinkage): Model => {
      const model = architectureOf(config).build(config, stored);
      made.length = 0; // the model owns them now
      return model;
    };
    const model = owned(shrinkage ? build(shrinkage) : open());
    const optimizer = owned(attach(model));
    for (const [name, tensor] of trained(model, optimizer)) saved.restore(name, tensor);
    const restored = transfers.map((path) => {
      const told = stored(nameOf(path));
      return { path, told, lost: isRounded(told.dtype) ? stored(lostName(path)) : null };
    });
    return { running: { model, optimizer, shrinkage, transfers: restored }, state };
  } catch (thrown) {
    for (const owner of made) owner.dispose();
    throw thrown;
  } finally {
    saved.close();
  }
}

const nameOf = (path: string): string => `transfer.${path}`;
const lostName = (path: string): string => `transfer_lost.${path}`;

/** A copy on `device`, of the allocator's alignment, on which the last bits of a product may depend. */
function aligned(mapped: Tensor, device: string): Tensor {
  const copy = keep(device === 'cpu' ? clone(mapped) : to(mapped, device, mapped.dtype));
  mapped.dispose();
  return copy;
}

/** Parameters and moments, each tensor once, though tied ones have two names. */
function trained(model: Model, optimizer: AdamW): [string, Tensor][] {
  const seen = new Set<Tensor>();
  return [...model.parameters(), ...optimizer.state()].filter(([, tensor]) => {
    const first = !seen.has(tensor);
    seen.add(tensor);
    return first;
  });
}
