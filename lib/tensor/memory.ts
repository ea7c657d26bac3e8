// How much memory tensors, the process and a device hold.
import { readFileSync, writeFileSync } from 'node:fs';
import { LoraShearError } from '../errors.js';
import type { DeviceMemory } from '../native/binding.js';
import { guarded } from '../native/native_error.js';
import { tensorBytes, tensorCount } from './scope.js';

export type { DeviceMemory };

/** Everything in bytes, but for the count. */
export interface MemoryStatistics {
  /** Live handles of this thread. */
  readonly tensors: number;
  /** Of the distinct storages behind them, on any device. What only autograd's graph holds is not in it. */
  readonly tensorBytes: number;
  /** Memory of the process that is in RAM, all threads and mapped files included. */
  readonly rss: number;
  /** The most that `rss` ever was, or has been since {@link resetPeakMemory}. */
  readonly peakRss: number;
  /** Of the device that was asked for; null for the CPU, whose tensors are in `rss`. */
  readonly device: DeviceMemory | null;
}

/**
 * Memory now. `device` is `cpu`, or an accelerator such as `cuda` or `cuda:1`.
 * @throws DEVICE_FAILED when libtorch sees no such device
 */
export function memoryStatistics(device = 'cpu'): MemoryStatistics {
  const memory = isCpu(device)
    ? null
    : (guarded('memoryStatistics', (b) => b.deviceMemory(device)) ??
      absent('memoryStatistics', device));
  const rss = process.memoryUsage.rss();
  return {
    tensors: tensorCount(),
    tensorBytes: tensorBytes(),
    rss,
    peakRss: Math.max(rss, peakRss()),
    device: memory,
  };
}

/**
 * Starts the peaks of `device` again from what is held now: of an accelerator the allocator's, of the CPU the process's.
 * @throws DEVICE_FAILED when libtorch sees no such device, or the kernel does not let a process reset its peak
 */
export function resetPeakMemory(device = 'cpu'): void {
  if (!isCpu(device)) {
    const done = guarded('resetPeakMemory', (b) => b.resetPeakDeviceMemory(device));
    if (!done) absent('resetPeakMemory', device);
    return;
  }
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch (cause) {
    throw new LoraShearError(
      'DEVICE_FAILED',
      'resetPeakMemory: the kernel does not reset the peak',
      {
        hint: 'compare peakRss with an earlier one instead',
        cause,
      },
    );
  }
}

const isCpu = (device: string): boolean => /^cpu(:0)?$/.test(device);

/** The kernel's VmHWM; resource usage, which cannot be reset, where the kernel has none. */
function peakRss(): number {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return 1024 * (kibibytes === undefined ? process.resourceUsage().maxRSS : Number(kibibytes));
}

function absent(where: string, device: string): never {
  const { cudaDevices } = guarded(where, (b) => b.versions());
  const seen = cudaDevices === 0 ? 'no CUDA device' : `${cudaDevices} CUDA device(s)`;
  throw new LoraShearError(
    'DEVICE_FAILED',
    `${where}: there is no ${device}: libtorch sees ${seen}`,
    {
      hint: "ask for 'cpu', or see `lorashear-native doctor`",
      facts: { device, cudaDevices },
    },
  );
}
