import t from 'tap';
import { createContext } from '../../lib/context.js';
import type { LhspgOptions } from '../../lib/lhspg/options.js';
import { inFolder, pruned } from '../fixtures/lhspg_run.js';

const forms: Pick<LhspgOptions, 'form' | 'saliency'>[] = [
  { form: 'paper', saliency: 'taylor_first' },
  { form: 'transfer', saliency: 'cosine' },
  { form: 'paper', saliency: 'dense_taylor_second' },
  { form: 'transfer', saliency: { magnitude: 0.5, taylor_second: 0.2, dense_cosine: 0.3 } },
];

for (const options of forms) {
  const name = JSON.stringify(options.saliency);
  t.test(
    `when units are chosen by ${name}, then in every period by scores that differ`,
    async (t) => {
      inFolder((dir) => {
        const { model, result } = pruned(createContext(), dir, options);
        t.equal(result.periods.length, 3);
        for (const { index, chosen } of result.periods) {
          const scores = chosen.flatMap((group) => group.scores);
          t.ok(scores.length > 0);
          t.ok(new Set(scores).size === scores.length, `period ${index}: ${scores.join(' ')}`);
        }
        for (const { group, removed, scores = [] } of result.kept) {
          // The last choice: what stays has scores above those that went.
          const last = result.periods.at(-1)!.chosen.find((one) => one.group === group);
          const most = Math.max(...(last?.scores ?? [0]));
          t.ok(
            scores.every((x, u) => removed.includes(u) || x >= most),
            group,
          );
        }
        model.dispose();
      });
    },
  );
}

t.test(
  'when units are cut at once by a LoRA form, then it is refused: nothing was trained',
  async (t) => {
    inFolder((dir) => {
      const once = { steps: 0, warmupSteps: 0, periods: 1, saliency: 'taylor_first' } as const;
      t.throws(() => pruned(createContext(), dir, once), {
        code: 'CONFIG_INVALID',
        hint: /dense_taylor_first/,
      });
    });
  },
);
