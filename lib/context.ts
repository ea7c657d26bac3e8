// What every stage gets first: where to compute, how to report, when to stop. Nothing ambient below the CLI.
import { LoraShearError } from './errors.js';
import type { RunEvent } from './events.js';

export interface Context {
  readonly device: string;
  readonly emit: (event: RunEvent) => void;
  /** Called between short native calls: throws RUN_ABORTED once the user asked to stop. */
  readonly checkpoint: () => void;
}

/** A context that computes on the CPU, reports to `emit` and stops when `signal` aborts. */
export function createContext({
  device = 'cpu',
  emit = () => undefined,
  aborted = () => false,
  afterStop = 'go on with `lorashear-native run --resume DIR`',
}: {
  device?: string;
  emit?: (event: RunEvent) => void;
  aborted?: () => boolean;
  /** The hint of RUN_ABORTED. */
  afterStop?: string;
} = {}): Context {
  return {
    device,
    emit,
    checkpoint() {
      if (!aborted()) return;
      throw new LoraShearError('RUN_ABORTED', 'stopped on request', {
        hint: afterStop,
      });
    },
  };
}
