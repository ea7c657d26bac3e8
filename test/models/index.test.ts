import t from 'tap';
import { architectureOf, architectures } from '../../lib/models/index.js';
import { mistralConfigOf } from '../../lib/models/mistral.js';
import { randomConfig } from '../fixtures/random_llama.js';

t.test('when a family is named, then its architecture is found', (t) => {
  t.equal(architectureOf(randomConfig()), architectures.llama);
  t.equal(architectureOf(mistralConfigOf(randomConfig())), architectures.mistral);
  t.end();
});

t.test(
  'when no architecture knows the family, then CHECKPOINT_UNSUPPORTED lists what is known',
  (t) => {
    for (const [type, shown] of [
      ['gpt2', '"gpt2"'],
      [undefined, 'null'],
    ] as const) {
      t.throws(() => architectureOf({ model_type: type }), {
        code: 'CHECKPOINT_UNSUPPORTED',
        message: `config.json says model_type ${shown}`,
        hint: new RegExp(Object.keys(architectures).join('.*')),
      });
    }
    t.end();
  },
);
