// How libtorch's OpenMP threads wait for one another.

/**
 * Turns of libgomp's loop before a waiting thread sleeps: some 0.1 ms. Waking one takes about 50 µs, as long as many an
 * operator. Measured on two cores, in turn with none and with 10,000 turns: a token of the default model in bf16 4.6 ms
 * (7.9, 4.2), a LoRA step 242 ms (262, 222); two such steps side by side on the same cores 455 ms each (390, 600).
 */
const spins = 3000;

/**
 * Makes OpenMP threads sleep soon at a barrier, unless the user chose otherwise (OMP_WAIT_POLICY, GOMP_SPINCOUNT).
 * libgomp reads this once, when the addon is loaded, from the process's own environment: call it on the main thread
 * before that.
 *
 * By its own default libgomp spins for several ms, and loses a scheduler quantum at each barrier as soon as anything
 * else runs on the machine: a training step of mix-5M (16 × 256 tokens, 2 threads) took 12.1 s so and 2.6 s asleep.
 */
export function sleepAtBarriers(): void {
  const { env } = process;
  if (env['OMP_WAIT_POLICY'] !== undefined) return;
  env['OMP_WAIT_POLICY'] = 'passive';
  env['GOMP_SPINCOUNT'] ??= String(spins);
}
