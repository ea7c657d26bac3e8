// What a GPU is asked to do, recorded once and asked for again as one CUDA graph.
import { guarded } from '../native/native_error.js';

/** What was recorded. Tensors that it read and wrote keep their places: a replay reads and writes them there. */
export interface DeviceGraph<T> {
  /** What the work gave, without values before the first replay. */
  readonly result: T;
  /** Asks for all of it, after what the device was asked for before. */
  replay(): void;
  /** Gives the memory back that the work made its tensors in. */
  dispose(): void;
}

/**
 * Records what `work` asks of `device`; nothing of it is done, and it may not wait for the device. Null where `device` has
 * no graphs: `work` is not called then.
 * @throws what `work` throws; DEVICE_FAILED or NATIVE_FAILURE where it asked for what cannot be recorded
 */
export function recordGraph<T>(device: string, work: () => T): DeviceGraph<T> | null {
  const id = guarded('recordGraph', (b) => b.recordGraph(device));
  if (id === null) return null;
  const drop = (): void => guarded('dropGraph', (b) => b.dropGraph(id));
  try {
    const result = work();
    guarded('recordGraph', (b) => b.endGraph(id));
    return {
      result,
      replay: () => guarded('replayGraph', (b) => b.replayGraph(id)),
      dispose: drop,
    };
  } catch (thrown) {
    drop();
    throw thrown;
  }
}
