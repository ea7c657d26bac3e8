// How long reads are told to stop: an AbortSignal, or anything that throws when it is time.

/** An `AbortSignal` is one; so is `{ throwIfAborted: ctx.checkpoint }` where a flag is shared between threads. */
export interface StopSignal {
  throwIfAborted(): void;
}
