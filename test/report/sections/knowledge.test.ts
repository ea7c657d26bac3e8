import t from 'tap';
import type { KnowledgeArtefact } from '../../../lib/artefacts.js';
import { knowledge } from '../../../lib/report/sections/knowledge.js';
import { blocks, labels, numbers, only, sampleRecord, texts, tables } from '../sample_record.js';

const nb = '\u00a0%';

type Group = KnowledgeArtefact['groups'][number];

const group = (
  id: string,
  layer: number | null,
  growth: number[],
  more: Partial<Group> = {},
): Group => ({
  ...{ id, kind: 'attention_heads', layer, units: 4, protected: false },
  deviation: Math.max(...growth),
  trials: growth.map((g, i) => ({
    ...{ ratio: [0.25, 0.5, 0.75][i]!, removed: i + 1, stderr: 0.1, kl: 0, klStderr: 0 },
    loss: 2 + g,
    perplexity: Math.exp(2 + g),
  })),
  ...more,
});

/** The section of these groups, dense loss 2. */
function of(t: Parameters<typeof sampleRecord>[0], ...groups: Group[]) {
  const record = sampleRecord(t, (values) => {
    Object.assign(values.knowledge!, { groups, dense: { loss: 2, perplexity: Math.exp(2) } });
  });
  return knowledge(record);
}

t.test('when groups were tried, then each row is the growth of the loss at each ratio', (t) => {
  const section = of(
    t,
    group('layers.1.heads', 1, [0.125, 0.25, 1.5], { protected: true }),
    group('layers.0.heads', 0, [0, -0.0625]),
  );
  const [table] = tables(section);
  t.strictSame(table?.head.slice(3), [
    'largest growth',
    ...[25, 50, 75].flatMap((share) => [`at ${share}${nb}`, '±']),
  ]);
  t.strictSame(table?.rows, [
    ['1', '`layers.1.heads` ●', '4', '1.50', '0.125', '0.1', '0.25', '0.1', '1.50', '0.1'],
    ['2', '`layers.0.heads`', '4', '0', '0', '0.1', '-0.0625', '0.1', '–', '–'],
  ]);
  t.match(texts(section)[0], `least \`magnitude\` were taken out at 25${nb}, 50${nb}, 75${nb}`);
  t.match(texts(section)[0], '16 windows of 256 tokens (untouched: 2.00 nats per token)');
  t.end();
});

t.test('when groups are protected, then they are named, in the right number', (t) => {
  const guarded = (n: number): string => {
    const groups = Array.from({ length: 3 }, (_, i) =>
      group(`g${i}`, i, [1, 1, 1], { protected: i < n }),
    );
    return texts(of(t, ...groups))[0] ?? '';
  };
  t.match(guarded(0), 'No group was protected.');
  t.match(
    guarded(1),
    'The group that mattered most is protected, as the first 10\u00a0% of the ranking: `g0`.',
  );
  t.match(
    guarded(2),
    'The 2 groups that mattered most are protected, as the first 10\u00a0% of the ranking: `g0`, `g1`.',
  );
  t.end();
});

t.test('when there are many groups, then twelve are listed and the rest counted', (t) => {
  const groups = (n: number) => Array.from({ length: n }, (_, i) => group(`g${i}`, i, [1, 2, 3]));
  const all = of(t, ...groups(12));
  t.equal(tables(all)[0]?.rows.length, 12);
  t.equal(tables(all, true).length, 0);
  const more = of(t, ...groups(15));
  t.equal(tables(more)[0]?.rows.length, 12);
  t.equal(tables(more, true)[0]?.rows.length, 15, 'and all of them put away');
  t.equal(numbers(blocks(more, 'chart')[0])?.length, 45);
  t.match(blocks(more, 'chart')[0]?.summary, /: g0 3\.00, .*g4 3\.00$/);
  t.end();
});

/** Fills and texts of the cells of the map. */
function cellsOf(section: ReturnType<typeof knowledge>) {
  const svg = blocks(section, 'chart')[0]?.wide ?? '';
  return { drawn: labels(svg), svg };
}

t.test('when the map is drawn, then each trial has a cell with its growth', (t) => {
  const { drawn } = cellsOf(
    of(
      t,
      group('h0', 0, [0.11, 0.22, 0.33], { protected: true }),
      group('h1', 1, [0.44, 0.55, 0.66]),
      group('c0', 0, [0.77], { kind: 'mlp_channels' }),
      group('r', null, [0.88], { kind: 'residual' }),
    ),
  );
  for (const cell of ['0.11 ●', '0.22 ●', '0.33 ●', '0.44', '0.55', '0.66', '0.77', '0.88']) {
    t.ok(drawn.includes(cell), cell);
  }
  for (const row of [`25${nb} of kv heads`, `75${nb} of MLP channels`, `50${nb} of width`]) {
    t.ok(drawn.includes(row), row);
  }
  t.ok(drawn.includes('all'), 'what spans layers has a column of its own');
  t.end();
});

t.test('when there are many layers, then only protected cells keep a mark', (t) => {
  const groups = Array.from({ length: 17 }, (_, i) =>
    group(`h${i}`, i, [0.11, 0.22, 0.33], { protected: i === 0 }),
  );
  const { drawn } = cellsOf(of(t, ...groups));
  t.notOk(drawn.some((label) => /0\.\d\d/.test(label)));
  t.equal(drawn.filter((label) => label.trim() === '●').length, 3);
  t.end();
});

t.test('when no trial made the loss grow, then the map is drawn all the same', (t) => {
  const { svg } = cellsOf(of(t, group('a', 0, [0, 0, 0]), group('b', 1, [-1, -1, -1])));
  t.notMatch(svg, /NaN|undefined|Infinity/);
  t.end();
});

t.test('when nothing was tried, then there is no section', (t) => {
  t.equal(of(t), undefined);
  t.equal(knowledge(only(sampleRecord(t), 'lhspg')), undefined);
  t.end();
});

t.test('when pairs were tried, then each has its growth and interaction', (t) => {
  const record = sampleRecord(t, (values) => {
    values.knowledge!.pairs = [
      { groups: ['a', 'b'], removed: [2, 86], together: 0.79, interaction: -0.127 },
    ];
  });
  const [, found] = tables(knowledge(record));
  t.strictSame(found?.rows, [['`a`', '`b`', '2', '86', '0.79', '-0.127']]);
  t.end();
});
