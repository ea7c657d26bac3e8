import t from 'tap';
import { avgMagnitude } from '../../lib/saliency/avg_magnitude.js';
import { magnitude } from '../../lib/saliency/magnitude.js';
import { dot, equalsFormula, withModel } from './lora_moments.js';

t.test(
  'when average magnitudes are asked for, then each is the length by the number of weights',
  (t) => {
    equalsFormula(t, avgMagnitude, (x) => Math.sqrt(dot(x, x)) / x.length);
    t.end();
  },
);

t.test('when only what makes a unit counts, then length and number are of that alone', (t) => {
  withModel({ channels: 12, width: 16, rank: 0 }, ({ input }) => {
    const channels = input.groups.find(({ kind }) => kind === 'mlp_channels')!;
    const told = { ...input, groups: [channels], slices: 'producers' } as const;
    const [length, mean] = [magnitude(told), avgMagnitude(told)].map((s) => s.get(channels.id)!);
    t.equal(length!.length, 12);
    // a row of gate and one of up, 16 weights each
    length!.forEach((x, u) => t.ok(Math.abs((mean![u] ?? NaN) - x / 32) < 1e-7 * x));
  });
  t.end();
});
