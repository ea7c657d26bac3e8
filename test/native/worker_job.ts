// What a worker of workers.test.ts does: gradients in a loop, with tensors left alive at its end.
import { parentPort, workerData } from 'node:worker_threads';
import { backward, clearGrads } from '../../lib/tensor/autograd.js';
import { matmul, sumAll, zeros } from '../../lib/tensor/ops.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { floatTensor } from '../../lib/tensor/tensor.js';

const { steps, value } = workerData as { steps: number; value: number };
const w = floatTensor(Array<number>(16).fill(value), [4, 4]);
w.requiresGrad = true;
zeros([1000]); // never disposed: the end of the thread frees it
let last = 0;
for (let i = 0; i < steps; i++) {
  scoped(() => {
    backward(sumAll(matmul(w, w)));
    last = w.grad?.toArray()[0] ?? NaN;
  });
  clearGrads([w]);
}
parentPort?.postMessage({ last, count: tensorCount() });
