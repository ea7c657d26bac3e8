// How libtorch's OpenMP threads wait for one another.

/**
 * Makes OpenMP threads sleep at a barrier instead of spinning, unless the user chose otherwise. libgomp reads this
 * once, when the addon is loaded, from the process's own environment: call it on the main thread before that.
 *
 * Spinning loses a scheduler quantum at each barrier as soon as anything else runs on the machine: a training step of
 * mix-5M (16 × 256 tokens, 2 threads) took 12.1 s spinning and 2.6 s sleeping on a shared 2-core machine.
 */
export function sleepAtBarriers(): void {
  process.env['OMP_WAIT_POLICY'] ??= 'passive';
}
