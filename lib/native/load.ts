// The one place that loads the addon: finds the built file, and says what to run when there is none (design §1, 12).
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { LoraShearError } from '../errors.js';
import { addonPath } from '../setup/addon_path.js';
import type { Binding } from './binding.js';
import { sleepAtBarriers } from './openmp.js';

let loaded: Binding | undefined;

/**
 * The addon of this thread, loaded at first use.
 * `LORASHEAR_ADDON` names another file to load.
 * @throws NATIVE_NOT_BUILT when there is no addon for this version, libtorch and Node
 * @throws NATIVE_LOAD_FAILED when the file does not load (wrong platform, corrupt, libtorch moved)
 */
export function native(): Binding {
  return (loaded ??= load());
}

function load(): Binding {
  const path = process.env['LORASHEAR_ADDON'] ?? addonPath();
  if (path === undefined || !existsSync(path)) {
    throw new LoraShearError('NATIVE_NOT_BUILT', 'the native addon is not built for this machine', {
      hint: 'run `npx lorashear-native setup`',
      facts: { path },
    });
  }
  sleepAtBarriers();
  try {
    return createRequire(import.meta.url)(path) as Binding;
  } catch (cause) {
    throw new LoraShearError(
      'NATIVE_LOAD_FAILED',
      `${path} does not load: ${cause instanceof Error ? cause.message : String(cause)}`,
      { hint: 'run `npx lorashear-native setup --rebuild`', facts: { path }, cause },
    );
  }
}
