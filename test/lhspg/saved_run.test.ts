import { cpSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createContext } from '../../lib/context.js';
import type { RunEvent } from '../../lib/events.js';
import type { LhspgOptions } from '../../lib/lhspg/options.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { inFolder, pruned } from '../fixtures/lhspg_run.js';
import { snapshot, stoppingContext } from '../fixtures/tiny_training.js';

const ctx = createContext();

/** What is run, and how far apart the checkpoints are at which it is stopped. */
const resumed: Record<string, [every: number, Partial<LhspgOptions>]> = {
  'the transfer form': [2, { saveEvery: 5 }],
  "the paper's form": [5, { form: 'paper', saliency: 'taylor_first', saveEvery: 5 }],
  'no warm-up': [3, { warmupSteps: 0, steps: 7, saveEvery: 5 }],
};

for (const [name, [every, options]] of Object.entries(resumed)) {
  t.test(
    `when a run with ${name} is stopped at checkpoints all along and resumed, then it ends bit for bit the same`,
    (t) => {
      inFolder((dir) => {
        const whole = stoppingContext();
        const direct = pruned(whole.ctx, join(dir, 'whole'), options);
        const expected = snapshot(direct.model);
        const told = JSON.stringify(direct.result);
        direct.model.dispose();
        const before = tensorCount();
        t.ok(whole.passed() > (options.steps ?? 12));
        for (let stop = 1; stop <= whole.passed(); stop += every) {
          const state = join(dir, `stopped-${stop}`);
          t.throws(() => pruned(stoppingContext(stop).ctx, state, options), {
            code: 'RUN_ABORTED',
          });
          t.equal(tensorCount(), before, 'the stop leaks nothing');
          const { model, result } = pruned(ctx, state, options);
          t.strictSame(snapshot(model), expected, `stopped at checkpoint ${stop}`);
          t.equal(JSON.stringify(result), told);
          model.dispose();
        }
      });
      t.end();
    },
  );
}

t.test(
  'when a run is killed after any saved state, then the next one goes on to bit for bit the same end',
  (t) => {
    inFolder((dir) => {
      const copies: string[] = [];
      const state = join(dir, 'state');
      const emit = (event: RunEvent): void => {
        if (event.type !== 'saved') return;
        const copy = join(dir, `copy-${copies.length}`);
        cpSync(event.path, copy, { recursive: true });
        copies.push(copy);
      };
      const direct = pruned(createContext({ emit }), state);
      const expected = snapshot(direct.model);
      direct.model.dispose();
      t.equal(copies.length, 12 + 4, 'after every step and at the end of every segment');
      t.equal(readdirSync(state).length, 3, 'old states are gone, the last good one is beside');
      for (const copy of copies) {
        const metrics: number[] = [];
        const { model, result } = pruned(
          createContext({
            emit: (event) => {
              if (event.type === 'metric') metrics.push(event.step);
            },
          }),
          copy,
          { saveEvery: 100 },
        );
        t.strictSame(snapshot(model), expected, copy);
        t.equal(metrics.length < 12, true, 'what was done is not done again');
        t.strictSame(
          result.losses.map(({ step }) => step),
          Array.from({ length: 12 }, (_, i) => i + 1),
        );
        model.dispose();
      }
    });
    t.end();
  },
);

t.test('when the state on disk is damaged, then the error says so and nothing leaks', (t) => {
  inFolder((dir) => {
    const state = join(dir, 'state');
    t.throws(() => pruned(stoppingContext(4).ctx, state), { code: 'RUN_ABORTED' });
    t.ok(existsSync(join(state, 'state.json')));
    const before = tensorCount();
    t.throws(
      () => pruned(ctx, state, { lora: { r: 3, alpha: 3 } }),
      Error,
      'a state of another rank',
    );
    t.equal(tensorCount(), before);
  });
  t.end();
});
