import t from 'tap';
import { engines, judge } from '../../../lib/plan/engines/index.js';
import { candidate } from './candidates.js';

t.test(
  'when engines are asked, then each has a verdict under its name, and a rule against says why',
  (t) => {
    const verdicts = judge(candidate({ per_layer_config: { 0: { intermediate_size: 8 } } }));
    t.same(
      verdicts.map(({ engine }) => engine),
      Object.keys(engines),
    );
    for (const { loads, rules } of verdicts) {
      t.equal(
        loads,
        rules.every(({ ok }) => ok),
      );
      for (const { rule, detail, source } of rules) t.ok(rule && detail && source);
    }
    t.same(
      judge(candidate({}), ['vllm']).map(({ engine }) => engine),
      ['vllm'],
    );
    t.throws(() => judge(candidate({}), ['tgi']), { code: 'CONFIG_INVALID', hint: /llama\.cpp/ });
    t.end();
  },
);
