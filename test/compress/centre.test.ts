import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { centreResidual } from '../../lib/compress/centre.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { families, familyFolder, oracleOf } from '../fixtures/families.js';
import { logitsOf, relativeGap } from '../fixtures/family_model.js';
import { randomLlama, withLora } from '../fixtures/random_llama.js';
import { cutGap, someUnits, structuresOf } from '../fixtures/structures.js';

const kinds = ['residual'] as const;

for (const name of families()) {
  const dir = familyFolder(name);
  const { tokens } = oracleOf(name);
  const model = loadModel(dir);
  const [residual] = structuresOf(model, kinds).groups.filter(({ kind }) => kind === 'residual');
  model.dispose();
  if (residual?.prunable !== false || name === 'opt-post-norm') continue;

  for (const lora of [false, true]) {
    t.test(`when ${name}${lora ? ' with LoRA' : ''} is centred, then its width can be cut`, (t) => {
      const before = tensorCount();
      const model = loadModel(dir);
      if (lora) withLora(model);
      const expected = logitsOf(model, tokens).flat(2);
      const centred = centreResidual(model, structuresOf(model, kinds, { lora }));
      model.dispose();
      const found = logitsOf(centred, tokens).flat(2);
      t.ok(relativeGap(found, expected) <= 1e-5, `centred: ${relativeGap(found, expected)}`);
      const whole = structuresOf(centred, kinds, { lora });
      const removed = someUnits(whole, kinds, 2);
      t.equal(removed.size, 1);
      const { gap, scale, compact } = cutGap(centred, whole, removed, tokens);
      t.ok(scale > 0.05);
      t.ok(gap <= 1e-4, `cut: ${gap}`);
      compact.dispose();
      centred.dispose();
      t.equal(tensorCount(), before);
      t.end();
    });
  }
}

t.test('when a norm writes to the stream, then it is refused and nothing is left', (t) => {
  const before = tensorCount();
  const model = loadModel(familyFolder('opt-post-norm'));
  const whole = structuresOf(model, kinds);
  t.throws(() => centreResidual(model, whole), { code: 'CHECKPOINT_UNSUPPORTED', hint: String });
  model.dispose();
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when the norms subtract no mean, then there is nothing to centre', (t) => {
  const model = randomLlama();
  t.throws(() => centreResidual(model, structuresOf(model, kinds)), {
    code: 'CHECKPOINT_UNSUPPORTED',
    message: /no LayerNorm/,
  });
  model.dispose();
  t.end();
});
