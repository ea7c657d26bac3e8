import t from 'tap';
import { computeOf } from '../../bench/pairs.js';

t.test(
  'when products are counted, then the rate is that of the type, and the share by time',
  (t) => {
    const rates = { copy: 1, inPlace: 1, read: 1, gemmFloat32: 200, gemmBfloat16: 800 };
    const of = (dtype: 'float32' | 'bfloat16') => computeOf({ flops: 100, dtype }, 0.5, rates);
    t.same(of('float32'), { flops: 100, rate: 200, share: 1 });
    t.same(of('bfloat16'), { flops: 100, rate: 800, share: 0.25 });
    t.end();
  },
);
