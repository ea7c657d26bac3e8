import type { Result } from '../../bench/result.js';
import { summarise } from '../../bench/statistics.js';

/** A whole result; what a test is about is given. */
export function exampleResult(given: Partial<Result> = {}): Result {
  return {
    ...{ suite: 'boundary', case: 'add', device: 'cpu', threads: 1, unit: 's' },
    date: '2026-11-24T10:00:00.000Z',
    ours: summarise([1e-6, 2e-6, 3e-6]),
    also: {},
    peers: {
      torch: {
        summary: summarise([4e-6]),
        ...{ ratio: 0.5, waitPolicy: 'passive', disagreement: 1e-7 },
      },
    },
    roofline: {
      bytes: 4e6,
      bandwidth: { copy: 2e10, inPlace: 3e10 },
      times: { copy: 0.8, inPlace: 1.25 },
    },
    targets: [{ text: '≤ 0.6 × torch', value: 0.5, met: true }],
    agrees: true,
    load: { before: 0.1, after: 0.2 },
    machine: {
      ...{ cpu: 'a processor', cores: 2, caches: ['L2 1024K'], memoryBytes: 2 ** 34, gpu: null },
      ...{ system: 'Linux', commit: 'abc1234', ours: { libtorch: '2.11.0', node: 'v20' } },
      peer: { torch: '2.11.0' },
      rates: { copy: 2e10, inPlace: 3e10, read: 1e10, gemmFloat32: 4e11, gemmBfloat16: 8e11 },
    },
    ...given,
  };
}
