// A Chrome trace of one call of a case: its operators by module, what libtorch does inside them, and backward.
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeAtomic } from '../lib/run_folder/atomic_write.js';
import { chromeTrace } from '../lib/tensor/chrome_trace.js';
import { profile } from '../lib/tensor/profile.js';
import { waiterFor } from './device.js';
import type { Subject } from './suite.js';

/** Writes the trace and returns how many calls are in it; writes nothing where there are none. */
export function writeProfile(file: string, what: string, device: string, subject: Subject): number {
  const wait = waiterFor(device);
  const found = profile(() => subject.measure({ seconds: 0, calls: 1 }), { wait });
  if (found.calls.length === 0) return 0;
  mkdirSync(dirname(file), { recursive: true });
  writeAtomic(file, chromeTrace(found, { what, device }));
  return found.calls.length;
}

/** `lhspg-share-of-a-step-float32-cpu-2.json` below `folder`. */
export function profileFile(
  folder: string,
  {
    suite,
    name,
    device,
    threads,
  }: Record<'suite' | 'name' | 'device', string> & {
    threads: number;
  },
): string {
  const words = name.replaceAll(/[^A-Za-z0-9.]+/g, '-').replaceAll(/^-+|-+$/g, '');
  return join(folder, `${suite}-${words}-${device}-${threads}.json`);
}
