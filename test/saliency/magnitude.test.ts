import t from 'tap';
import { magnitude } from '../../lib/saliency/magnitude.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { scale_ } from '../../lib/tensor/ops.js';
import { scoped } from '../../lib/tensor/scope.js';
import { dot, equalsFormula, flat, stepAlong, withModel } from './lora_moments.js';

t.test('when magnitudes are asked for, then each is the length of the unit’s weights', (t) => {
  equalsFormula(t, magnitude, (x) => Math.sqrt(dot(x, x)));
  t.end();
});

t.test('when weights grow by a factor, then so does the magnitude; LoRA does not count', (t) => {
  withModel({ rank: 2 }, ({ model, input }) => {
    const before = flat(magnitude(input));
    stepAlong(model, -1);
    t.strictSame(flat(magnitude(input)), before, 'whatever the step is');
    for (const { weight } of model.linears().values()) {
      noGrad(() => scoped(() => void scale_(weight, 4)));
    }
    t.strictSame(
      flat(magnitude(input)),
      before.map((x) => 4 * x),
    );
  });
  t.end();
});
