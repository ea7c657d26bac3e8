import t from 'tap';
import { architectureOf, architectures } from '../../lib/models/index.js';
import type { LoraShearError } from '../../lib/errors.js';
import type { RawConfig } from '../../lib/models/model.js';
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
      ['llamma', "config.json says model_type 'llamma'"],
      [undefined, 'config.json names no model_type'],
    ] as const) {
      t.throws(() => architectureOf({ model_type: type }), {
        code: 'CHECKPOINT_UNSUPPORTED',
        message: shown,
        hint: new RegExp(Object.keys(architectures).join('.*')),
      });
    }
    t.match(thrown({ model_type: 'llamma' })?.hint, /did you mean 'llama'/);
    t.notMatch(thrown({ model_type: 'whisper' })?.hint, /did you mean/);
    t.end();
  },
);

function thrown(config: RawConfig): LoraShearError | undefined {
  try {
    architectureOf(config);
  } catch (error) {
    return error as LoraShearError;
  }
  return undefined;
}
