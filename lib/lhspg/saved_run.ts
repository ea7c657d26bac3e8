// What an LHSPG run leaves on disk to go on bit for bit: weights, LoRA, moments, transfers, and where it stands.
import type { Model } from '../models/model.js';
import { clone, to } from '../tensor/ops.js';
import { keep } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { AdamW } from '../train/adamw.js';
import { loadState, saveState } from '../train/checkpoint.js';
import type { LhspgState } from './state.js';
import type { Transfer } from './transfer.js';

interface SavedJson {
  state: LhspgState;
  transfers: Omit<Transfer, 'coefficients'>[];
}

export function saveRun(
  dir: string,
  model: Model,
  optimizer: AdamW,
  state: LhspgState,
  transfers: readonly Transfer[],
): void {
  const json: SavedJson = {
    state,
    transfers: transfers.map(({ path, redundant, staying }) => ({ path, redundant, staying })),
  };
  const coefficients = transfers.map((transfer): [string, Tensor] => [
    nameOf(transfer),
    transfer.coefficients,
  ]);
  saveState(dir, [...trained(model, optimizer), ...coefficients], json);
}

/**
 * Puts the saved values into `model` and `optimizer`; undefined when nothing was saved in `dir`. The caller
 * disposes the transfers' coefficients.
 * @throws RUN_CORRUPT, SAFETENSORS_INVALID
 */
export function loadRun(
  dir: string,
  model: Model,
  optimizer: AdamW,
): { state: LhspgState; transfers: Transfer[] } | undefined {
  const saved = loadState<SavedJson>(dir);
  if (!saved) return undefined;
  try {
    for (const [name, tensor] of trained(model, optimizer)) saved.restore(name, tensor);
    const { state, transfers } = saved.json;
    return {
      state,
      transfers: transfers.map((entry) => ({
        ...entry,
        coefficients: aligned(saved.tensor(nameOf(entry)), model.device),
      })),
    };
  } finally {
    saved.close();
  }
}

const nameOf = ({ path }: Pick<Transfer, 'path'>): string => `transfer.${path}`;

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
