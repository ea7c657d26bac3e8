// What one call of an operator costs from TypeScript, freeing included, beside the same call from Python.
import { noGrad } from '../../lib/tensor/autograd.js';
import { add, full, linear, scale, view } from '../../lib/tensor/ops.js';
import { keep, scoped, tensorCount } from '../../lib/tensor/scope.js';
import type { Tensor } from '../../lib/tensor/tensor.js';
import {
  type Case,
  type Measurement,
  type Suite,
  type Target,
  alsoAtMost,
  ratioTo,
} from '../suite.js';
import { timed } from '../timed.js';

/** Calls in one scope: what they make is freed together at its end, as a model's forward does it. */
const inScope = 100;
/** Scopes in one timed call. */
const scopes = 10;

const make = (shape: readonly number[], device: string): Tensor =>
  keep(full(shape, 0.5, 'float32', device));

function inScopes(call: () => unknown, times: number): void {
  for (let s = 0; s < times; s++) {
    scoped(() => {
      for (let i = 0; i < inScope; i++) call();
    });
  }
}

function perCall(
  name: string,
  operation: string,
  prepare: () => () => unknown,
  options: { device: string; grad: boolean; targets: readonly Target[] },
): Case {
  const { device, grad, targets } = options;
  return {
    ...{ name, unit: 's', peers: ['torch'], targets },
    parameters: { operation, grad, device, operations: inScope * scopes },
    prepare() {
      const call = prepare();
      const batch = (): void => inScopes(call, scopes);
      const run = grad ? batch : () => noGrad(batch);
      return { measure: timed({ call: run, operations: inScope * scopes }) };
    },
  };
}

/** Calls whose memory is watched. */
const manyCalls = 1_000_000;

/** Memory that is still held after many calls: nothing may be. */
function manyCallsCase(device: string): Case {
  return {
    name: '1,000,000 calls in scopes',
    ...{ unit: 's', peers: [], parameters: {} },
    targets: [
      alsoAtMost('rssGrowthMiB', 2, 'RSS grows < 2 MiB'),
      alsoAtMost('handlesLeft', 0, 'the handle count returns to its start'),
    ],
    prepare() {
      const [a, b] = [make([1], device), make([1], device)];
      const run = (calls: number): void => {
        noGrad(() => inScopes(() => add(a, b), calls / inScope));
      };
      // The heap and the allocators reach their working size.
      run(manyCalls);
      return {
        measure(): Measurement {
          const handles = tensorCount();
          const before = process.memoryUsage.rss();
          const start = process.hrtime.bigint();
          run(manyCalls);
          const seconds = Number(process.hrtime.bigint() - start) / 1e9;
          const rssGrowthMiB = (process.memoryUsage.rss() - before) / 2 ** 20;
          const handlesLeft = tensorCount() - handles;
          return { values: [seconds / manyCalls], also: { rssGrowthMiB, handlesLeft } };
        },
      };
    },
  };
}

export const boundary: Suite = {
  name: 'boundary',
  what: 'one operator call from TypeScript, freeing included, beside Python',
  quick: true,
  threaded: true,
  cases({ device }) {
    return [
      perCall(
        'add of one element, no grad',
        'add',
        () => {
          const [a, b] = [make([1], device), make([1], device)];
          return () => add(a, b);
        },
        { device, grad: false, targets: [ratioTo('torch', 0.6)] },
      ),
      perCall(
        'linear 16×64×64, grad',
        'linear',
        () => {
          const [x, w] = [make([16, 64], device), make([64, 64], device)];
          w.requiresGrad = true;
          return () => linear(x, w);
        },
        { device, grad: true, targets: [ratioTo('torch', 0.9)] },
      ),
      perCall(
        'view of 64 elements, no grad',
        'view',
        () => {
          const x = make([64], device);
          const shape = [4, 16];
          return () => view(x, shape);
        },
        { device, grad: false, targets: [] },
      ),
      perCall(
        'multiplication by a number, no grad',
        'scale',
        () => {
          const x = make([1], device);
          return () => scale(x, 2.5);
        },
        { device, grad: false, targets: [] },
      ),
      manyCallsCase(device),
    ];
  },
};
