// The recovery table in Markdown: means ± standard deviations over the seeds of rows that recovery.js printed.
//   node dist/bench/recovery_table.js bench/results/recovery-*.jsonl
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

type Losses = Readonly<Record<string, number>>;

interface Row {
  readonly stages: 'none' | 'text' | 'instruct' | 'both';
  readonly mixture: string | null;
  readonly ratio: number;
  readonly seed: number;
  /** Of the tokens on instructions. */
  readonly share: number;
  readonly losses: Readonly<Record<'dense' | 'cut' | 'recovered', Losses>>;
  readonly recoveredShare: Losses;
}

const treatments = [
  ['instructions only', ({ stages }: Row) => stages === 'instruct'],
  ['text only', ({ stages, mixture }: Row) => stages === 'text' && mixture === 'degradation'],
  [
    'text, then instructions',
    ({ stages, mixture }: Row) => stages === 'both' && mixture === 'degradation',
  ],
  [
    'text by uniform shares, then instructions',
    ({ stages, mixture }: Row) => stages === 'both' && mixture === 'uniform',
  ],
] as const;

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Standard deviation with n − 1; 0 for one value. */
function deviation(values: readonly number[]): number {
  const centre = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0;
}

function cell(values: readonly number[], show: (value: number) => string): string {
  const spread = values.length > 1 ? ` ± ${show(deviation(values)).replace('+', '')}` : '';
  return values.length === 0 ? '' : `${show(mean(values))}${spread}`;
}

const perplexity = (losses: readonly number[]): string =>
  cell(losses.map(Math.exp), (value) => value.toFixed(value < 100 ? 2 : 1));

const percent = (value: number): string => (100 * value).toFixed(1);
const points = (value: number): string => `${value < 0 ? '−' : '+'}${percent(Math.abs(value))}`;
const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function print(head: readonly string[], lines: readonly (readonly string[])[]): void {
  console.log([line(head), line(head.map(() => '---')), ...lines.map(line), ''].join('\n'));
}

/** What is compared must have begun alike. */
function refuseOtherStarts(rows: readonly Row[]): void {
  const starts = new Map<string, string>();
  for (const { ratio, seed, losses } of rows) {
    const [key, cut] = [`${ratio}, seed ${seed}`, JSON.stringify([losses.dense, losses.cut])];
    if ((starts.get(key) ?? cut) !== cut) throw new Error(`rows at ${key} have different starts`);
    starts.set(key, cut);
  }
}

const seedsOf = (rows: readonly Row[]): string =>
  String(new Set(rows.map(({ seed }) => seed)).size);

/** Dense, pruned, and every way back, as perplexities. */
function outcomes(rows: readonly Row[], sources: readonly string[]): void {
  const ofStarts = [...new Map(rows.map((row) => [row.seed, row])).values()];
  const entry = (label: string, own: readonly Row[], of: keyof Row['losses']): string[] => [
    ...[label, ...sources.map((name) => perplexity(own.map((row) => row.losses[of][name] ?? NaN)))],
    seedsOf(own),
  ];
  print(
    ['perplexity', ...sources, 'seeds'],
    [
      entry('dense', ofStarts.slice(0, 1), 'dense'),
      entry('pruned', ofStarts, 'cut'),
      ...treatments.flatMap(([label, is]) => {
        const own = rows.filter(is);
        const shares = [...new Set(own.map(({ share }) => share))];
        return shares.map((share) =>
          entry(
            shares.length > 1 ? `${label} (${percent(share)} %)` : label,
            own.filter((row) => row.share === share),
            'recovered',
          ),
        );
      }),
    ],
  );
}

/** What recovery on text took back of the loss that the cut had cost, by mixture. */
function mixtures(rows: readonly Row[], sources: readonly string[]): void {
  const onText = rows.filter(({ stages }) => stages === 'text');
  const names = [...new Set(onText.map(({ mixture }) => mixture ?? ''))];
  const texts = sources.filter((name) => name !== 'responses');
  const shares = ({ recoveredShare }: Row): number[] => {
    const each = texts.map((name) => recoveredShare[name] ?? NaN);
    return [...each, mean(each), Math.min(...each)];
  };
  const entry = (label: string, each: readonly number[][], show = percent): string[] => [
    label,
    ...[...texts, 'mean', 'least'].map((_, i) =>
      cell(
        each.map((values) => values[i] ?? NaN),
        show,
      ),
    ),
    String(each.length),
  ];
  const differences = onText
    .filter(({ mixture }) => mixture === 'degradation')
    .flatMap((row) => {
      const even = onText.find(({ mixture, seed }) => mixture === 'uniform' && seed === row.seed);
      if (!even) return [];
      const base = shares(even);
      return [shares(row).map((value, i) => value - (base[i] ?? NaN))];
    });
  print(
    ['loss taken back, %', ...texts, 'mean', 'least', 'seeds'],
    [
      ...names.map((name) =>
        entry(name, onText.filter(({ mixture }) => mixture === name).map(shares)),
      ),
      ...(differences.length > 0
        ? [entry('degradation against uniform', differences, points)]
        : []),
    ],
  );
}

for (const file of process.argv.slice(2)) {
  const lines = readFileSync(file, 'utf8').split('\n');
  const rows = lines.filter((text) => text !== '').map((text) => JSON.parse(text) as Row);
  refuseOtherStarts(rows);
  console.log(`${basename(file)}\n`);
  for (const ratio of [...new Set(rows.map((row) => row.ratio))].sort((a, b) => a - b)) {
    const own = rows.filter((row) => row.ratio === ratio);
    const sources = Object.keys(own[0]?.losses.dense ?? {});
    console.log(`${100 * ratio} % removed\n`);
    outcomes(own, sources);
    if (own.some(({ stages }) => stages === 'text')) mixtures(own, sources);
  }
}
