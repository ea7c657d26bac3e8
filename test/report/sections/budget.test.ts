import t from 'tap';
import type { BudgetArtefact } from '../../../lib/artefacts.js';
import { budget, some } from '../../../lib/report/sections/budget.js';
import { blocks, labels, numbers, only, sampleRecord, tables, texts } from '../sample_record.js';

const nb = '\u00a0%';
const heads = (layer: number) => `layers.${layer}.self_attn.heads`;
const channels = (layer: number) => `layers.${layer}.mlp.channels`;

/** Layers of 4 heads and 172 channels lose these. */
function record(
  t: Parameters<typeof sampleRecord>[0],
  change: Partial<BudgetArtefact> = {},
  cut: object = {},
) {
  const found = sampleRecord(t, (values) => {
    Object.assign(values.budget!, change);
  });
  Object.assign(found.manifest.job.cut, cut);
  return found;
}

t.test(
  'when a budget was shared out, then what was asked, found and by which rule is told',
  (t) => {
    const [asked] = texts(budget(record(t)));
    t.match(
      asked,
      `Asked: 20.0${nb} of the parameters. Found: **20.09${nb}**, by the rule \`layer\``,
    );
    t.match(asked, 'LHSPG’s choice');
    const [of] = texts(
      budget(record(t, { rule: 'global', measure: 'kv', importance: 'knowledge', ratio: 0.5 })),
    );
    t.match(of, `Asked: 50.0${nb} of the key-value cache`);
    t.match(of, 'least damage for what it saves');
    t.match(of, 'follows the knowledge map');
    t.end();
  },
);

t.test('when something bound, then the groups where it did are named', (t) => {
  const rows = (...args: [Partial<BudgetArtefact>?, object?]) =>
    new Map(
      tables(budget(record(t, ...args)))[0]?.rows.map(([name = '', ...rest]) => [
        name.split(/[: ]/)[0],
        rest,
      ]),
    );
  const free = rows();
  t.strictSame(free.get('floor'), [`5${nb}`, 'nowhere']);
  t.strictSame(free.get('protection'), ['0 groups', 'nowhere']);
  t.strictSame(free.get('rounding'), ['none', 'nowhere']);
  t.strictSame(free.get('kv'), ['chosen', 'nowhere']);
  t.strictSame(free.get('engines'), ['none named', 'nowhere']);
  // ⌈0.05 · 172⌉ = 9 channels stay at least, and one head.
  const counts = { [channels(0)]: 163, [channels(1)]: 162, [heads(2)]: 3 };
  const tight = rows(
    { counts, protected: [heads(0), channels(1)], touched: [channels(1)] },
    { roundChannelsTo: 128, kvHeads: 1, engines: ['vllm'] },
  );
  t.equal(tight.get('floor')?.[1], `\`${heads(2)}\`, \`${channels(0)}\``);
  t.strictSame(tight.get('protection'), [
    '2 groups',
    `\`${heads(0)}\`: nothing lost; \`${channels(1)}\` loses units all the same, as the last`,
  ]);
  t.strictSame(tight.get('rounding'), ['multiples of 128', 'every layer of channels']);
  t.strictSame(tight.get('kv'), ['1 removed', 'every layer of attention']);
  t.strictSame(tight.get('engines'), ['vllm', 'sizes that they refuse were passed over']);
  t.end();
});

t.test(
  'when layers keep different numbers, then each has its bar, in words and numbers too',
  (t) => {
    const counts = { [heads(0)]: 1, [heads(3)]: 2, [channels(1)]: 43 };
    const [chart] = blocks(budget(record(t, { counts })), 'chart');
    t.equal(
      chart?.summary,
      'layers keep 2 to 4 of 4 kv heads; layers keep 129 to 172 of 172 MLP channels',
    );
    const rows = numbers(chart) ?? [];
    t.equal(rows.length, 10, 'also what loses nothing');
    t.strictSame(rows[0], ['0', 'kv heads', '4', '3', '1', `25.0${nb}`]);
    t.strictSame(rows[3], ['1', 'MLP channels', '172', '129', '43', `25.0${nb}`]);
    t.strictSame(rows[4], ['2', 'kv heads', '4', '4', '0', `0.0${nb}`]);
    for (const frame of ['wide', 'narrow'] as const) {
      const drawn = labels(chart?.[frame] ?? '');
      for (const label of ['kv heads', 'MLP channels', 'kept', 'removed', '129']) {
        t.ok(drawn.includes(label), `${frame} ${label}`);
      }
    }
    t.equal(
      blocks(budget(record(t)), 'chart')[0]?.summary,
      'every layer keeps 3 of 4 kv heads; every layer keeps 134 of 172 MLP channels',
    );
    t.end();
  },
);

t.test('when a layer keeps next to nothing, then its thin bar goes without its number', (t) => {
  const drawn = (left: number): string[] => {
    const counts = { [channels(2)]: 172 - left };
    return labels(blocks(budget(record(t, { counts })), 'chart')[0]?.wide ?? '');
  };
  t.notOk(drawn(9).includes('9'));
  t.ok(drawn(35).includes('35'), 'from a fifth on there is room');
  t.end();
});

t.test('when the width of the whole model goes, then it is no layer’s', (t) => {
  const found = record(t, { counts: { residual: 16 } });
  const residual = found.values.partition!.groups.find(({ id }) => id === 'residual');
  Object.assign(residual!, { prunable: true });
  const [, whole] = tables(budget(found));
  t.strictSame(whole?.rows, [['width', '64', '48']]);
  t.end();
});

t.test('when groups may not be cut, then the reasons are told', (t) => {
  const [why] = tables(budget(record(t)), true);
  t.strictSame(why?.rows, [['spans all layers', '1', '`residual`']]);
  t.end();
});

t.test('when there are many names, then the first are told and the rest counted', (t) => {
  t.equal(some(['a', 'b', 'c'], 2), 'a, b, c', 'one more is as short as to say so');
  t.equal(some(['a', 'b', 'c', 'd'], 2), 'a, b and 2 more');
  t.equal(budget(only(record(t), 'lhspg')), undefined);
  t.end();
});
