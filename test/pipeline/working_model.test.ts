import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { countParameters, saveWorkingModel } from '../../lib/pipeline/working_model.js';
import { inFolder } from '../fixtures/lhspg_run.js';
import { handPartition, randomLlama } from '../fixtures/random_llama.js';
import { snapshot } from '../fixtures/tiny_training.js';

t.test(
  'when a model goes from stage to stage, then it is read back bit for bit, tied or not, whatever its config stores',
  (t) => {
    inFolder((dir) => {
      for (const tied of [true, false]) {
        const model = randomLlama({ tied, biases: true });
        Object.assign(model, { config: { ...model.config, torch_dtype: 'bfloat16' } });
        const own = join(dir, String(tied));
        mkdirSync(own);
        saveWorkingModel(model, own);
        const read = loadModel(own);
        t.strictSame(snapshot(read), snapshot(model));
        t.strictSame(read.config, model.config);
        read.dispose();
        model.dispose();
      }
    });
    t.end();
  },
);

t.test('when parameters are counted, then tied ones count once', (t) => {
  const [tied, untied] = [randomLlama({ tied: true }), randomLlama({ tied: false })];
  t.equal(countParameters(tied), handPartition(tied).parameters);
  t.equal(countParameters(untied) - countParameters(tied), 32 * 16);
  tied.dispose();
  untied.dispose();
  t.end();
});
