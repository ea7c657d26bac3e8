// How fast this machine multiplies, measured in less than a second.
import { noGrad } from '../tensor/autograd.js';
import { add, full, matmul, softmax, sumAll } from '../tensor/ops.js';
import { scoped } from '../tensor/scope.js';

export interface Rate {
  /** float32 multiply-accumulates in products of the model's width. */
  readonly macsPerSecond: number;
  /** float32 numbers that operators between them make, in memory that no cache holds: a sum and a softmax of them. */
  readonly numbersPerSecond: number;
  /** What a call of an operator costs however small its tensors are. */
  readonly secondsPerCall: number;
}

const calls = 500;

/** Largest sides of what is measured, so that each trial is short. */
const most = { rows: 2048, width: 1024 };

/**
 * Measures for about `seconds`, with what other programs leave of the machine: the middle of the trials counts.
 * @param like rows and width of what will be computed, as small matrices are far from the speed of large ones
 */
export function measureRate(
  device: string,
  like: { readonly rows: number; readonly width: number },
  seconds = 0.6,
): Rate {
  const rows = Math.min(like.rows, most.rows);
  const width = Math.min(like.width, most.width);
  return noGrad(() =>
    scoped(() => {
      const x = full([rows, width], 0.5, 'float32', device);
      const large = full([4096, 1024], 1, 'float32', device);
      const W = full([width, width], 0.5, 'float32', device);
      const tiny = full([4, 4], 1, 'float32', device);
      // Reading a number waits for the device.
      const wait = (): number => scoped(() => sumAll(tiny).item());
      const each = seconds / 3;
      const product = median(each, () => {
        for (let i = 0; i < 4; i++) scoped(() => void matmul(x, W));
        wait();
      });
      const between = median(each, () => {
        scoped(() => void softmax(add(large, large), -1));
        wait();
      });
      const many = median(each, () => {
        for (let i = 0; i < calls; i++) scoped(() => void add(tiny, tiny));
        wait();
      });
      return {
        macsPerSecond: (4 * rows * width ** 2) / product,
        numbersPerSecond: (2 * large.size) / between,
        secondsPerCall: many / calls,
      };
    }),
  );
}

/** Seconds that `work` takes in the middle of its trials. */
function median(seconds: number, work: () => unknown): number {
  const trials: number[] = [];
  const start = performance.now();
  while (trials.length < 3 || performance.now() - start < 1000 * seconds) {
    const before = performance.now();
    work();
    trials.push((performance.now() - before) / 1000);
  }
  return trials.sort((x, y) => x - y)[Math.floor(trials.length / 2)] as number;
}
