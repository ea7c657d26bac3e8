// What a training step keeps in memory.

/** How the step of a batch is computed; none of it changes what is learned but for the last bits of sums. */
export interface Memory {
  /** Rows whose activations are in memory at a time; null: all of the batch. */
  readonly microBatch: number | null;
  readonly checkpointing: Checkpointing;
}

/**
 * What is computed again for the gradient instead of being kept: nothing; what is cheap (norms, act(gate) · up); or all of
 * a block but what goes into it.
 */
export const checkpointings = ['none', 'selective', 'blocks'] as const;
export type Checkpointing = (typeof checkpointings)[number];

export const allAtOnce: Memory = { microBatch: null, checkpointing: 'none' };
