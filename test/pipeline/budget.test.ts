import t from 'tap';
import { parseJob } from '../../lib/config/parse_job.js';
import type { Job } from '../../lib/config/job.js';
import { budgetOf } from '../../lib/pipeline/budget.js';

/** A job of 8 × 16 tokens in a step. */
const jobOf = (steps: number, lhspg: object = {}, rounds = 3): Job =>
  parseJob({
    model: 'm',
    sources: { a: 'a.txt' },
    sequence_length: 16,
    batch_size: 8,
    tokens: steps * 128 + 127,
    lhspg: { periods: 5, token_share: 0.2, warmup_share: 0.1, ...lhspg },
    recovery: { rounds },
  });

t.test(
  'when tokens become steps, then the shares of LHSPG and its warm-up are those of the job',
  (t) => {
    t.strictSame(budgetOf(jobOf(100)), { lhspg: 20, warmup: 2, recovery: 80, tokensPerStep: 128 });
    t.strictSame(budgetOf(jobOf(200, { token_share: 0.5, warmup_share: 0.3 })), {
      ...{ lhspg: 100, warmup: 30, recovery: 100, tokensPerStep: 128 },
    });
    t.end();
  },
);

t.test(
  'when the shares are extreme, then every period and round has a step and no token is spent twice',
  (t) => {
    for (const steps of [8, 9, 20, 101]) {
      for (const token_share of [0, 0.01, 0.5, 0.99, 1]) {
        for (const warmup_share of [0, 0.5, 0.99]) {
          const { lhspg, warmup, recovery } = budgetOf(jobOf(steps, { token_share, warmup_share }));
          t.equal(lhspg + recovery, steps, `${steps} steps, share ${token_share}`);
          t.ok(lhspg - warmup >= 5, 'a step for each period');
          t.ok(recovery >= 3, 'and for each round');
          t.ok(warmup >= 0);
        }
      }
    }
    t.end();
  },
);

t.test('when the cut is made at once, then all steps are recovery', (t) => {
  for (const form of ['one-shot', 'one-shot-transfer']) {
    t.strictSame(budgetOf(jobOf(30, { form, token_share: 0.5 })), {
      ...{ lhspg: 0, warmup: 0, recovery: 30, tokensPerStep: 128 },
    });
    t.doesNotThrow(() => budgetOf(jobOf(3, { form })));
    t.throws(() => budgetOf(jobOf(2, { form })), { code: 'CONFIG_INVALID' });
  }
  t.end();
});

t.test('when the tokens do not reach, then the error says how many do', (t) => {
  t.throws(() => budgetOf(jobOf(7)), {
    code: 'CONFIG_INVALID',
    message: '1023 tokens make 7 steps of 128; 5 periods and 3 rounds take 8',
    hint: 'give at least 1024 tokens, or a smaller batch_size',
  });
  t.doesNotThrow(() => budgetOf(jobOf(8)));
  t.end();
});
