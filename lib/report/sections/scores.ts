// By which scores units were told apart: the spread of saliency of what went and of what stayed, group by group.
import type { LhspgArtefact, StageArtefacts } from '../../artefacts.js';
import { chart, type Drawing, type Frame } from '../chart.js';
import { axis, categories, colours, grid, legend } from '../chart_style.js';
import { amount, type Block, type Cell, type Section, text } from '../document.js';
import { digits, whole } from '../format.js';
import { kindName } from '../layer_charts.js';
import type { RunRecord } from '../run_record.js';

interface Spread {
  readonly group: string;
  readonly kind: string;
  readonly layer: number | null;
  /** Sorted. */
  readonly removed: readonly number[];
  readonly kept: readonly number[];
}

export function scores({ values }: RunRecord): Section | undefined {
  const { lhspg, partition } = values;
  if (!lhspg || lhspg.kept.length === 0) return undefined;
  const spreads = spreadsOf(lhspg, partition);
  const kinds = [...new Set(spreads.map(({ kind }) => kind))];
  const drawn = kinds.flatMap((kind): Block[] => {
    const own = spreads.filter((s) => s.kind === kind && s.layer !== null);
    return own.some(({ removed }) => removed.length > 0) ? [spreadChart(kind, own)] : [];
  });
  return {
    id: 'scores',
    title: 'By which scores',
    blocks: [
      text(
        `Units of the least \`${lhspg.saliency}\` went first, each compared with those of its own group. Scores of what was removed are those at the time of its choice, of what stayed those of the last choice. Where the model learned in between, and where a score counts what others make up for, the two may overlap.`,
      ),
      ...drawn,
    ],
  };
}

function spreadsOf(
  { kept, periods }: LhspgArtefact,
  partition: StageArtefacts['partition'] | undefined,
): Spread[] {
  const known = new Map(partition?.groups.map((group) => [group.id, group]));
  const sorted = (list: readonly number[]): number[] =>
    list.filter((n) => Number.isFinite(n)).sort((a, b) => a - b);
  return kept.map(({ group, kept: stayed, scores: own = [] }) => ({
    group,
    kind: known.get(group)?.kind ?? 'other',
    layer: known.get(group)?.layer ?? null,
    removed: sorted(
      periods.flatMap(({ chosen }) =>
        chosen.filter((c) => c.group === group).flatMap((c) => c.scores),
      ),
    ),
    kept: sorted(stayed.flatMap((unit) => own[unit] ?? [])),
  }));
}

const five = [0, 0.25, 0.5, 0.75, 1] as const;

/** By linear interpolation; null without values. */
function quantile(sorted: readonly number[], share: number): number | null {
  if (sorted.length === 0) return null;
  const at = share * (sorted.length - 1);
  const [low, high] = [Math.floor(at), Math.ceil(at)].map((i) => sorted[i] as number);
  return (low ?? 0) + (at - Math.floor(at)) * ((high ?? 0) - (low ?? 0));
}

const sides = ['removed', 'kept'] as const;

function spreadChart(kind: string, own: readonly Spread[]): Block {
  const rows = own.flatMap((spread) =>
    sides.map((side): Cell[] => [
      ...[`\`${spread.group}\``, side, amount(spread[side].length, whole)],
      ...five.map((share) => amount(quantile(spread[side], share), (n) => digits(n, 3))),
    ]),
  );
  const head = ['group', '', 'units', 'least', 'lower quarter', 'median', 'upper quarter', 'most'];
  const median = (side: (typeof sides)[number]): string[] =>
    own.flatMap((spread) => {
      const middle = quantile(spread[side], 0.5);
      return middle === null ? [] : [digits(middle, 3)];
    });
  return chart(
    {
      title: `Scores of ${kindName(kind)}: least, quarters, median and most of each layer`,
      summary: `Medians by layer, removed: ${median('removed').join(', ')}; kept: ${median('kept').join(', ')}`,
      data: { head, rows },
    },
    (frame) => boxes(own, frame),
  );
}

/** A logarithmic scale where scores span more than this. */
const wideRange = 30;

const tick = (n: number): string => (n >= 10 ? whole(n) : digits(n, 2));

function boxes(own: readonly Spread[], frame: Frame): Drawing {
  const { legend: style, top } = legend(sides, frame);
  const all = own.flatMap(({ removed, kept }) => [...removed, ...kept]);
  const positive = all.filter((n) => n > 0);
  const least = Math.min(...positive);
  const log = all.every((n) => n >= 0) && Math.max(...positive) > wideRange * least;
  const width = [2, Math.max(3, Math.min(18, frame.width / own.length / 3.4))];
  const names = own.map(({ layer }) => String(layer));
  const own_ = axis(frame);
  const label = { ...own_.axisLabel, formatter: tick };
  return {
    height: frame.narrow ? 260 : 280,
    options: {
      legend: style,
      grid: grid({ top, right: 8, bottom: 26 }),
      xAxis: categories('layer', names, frame),
      yAxis: { type: log ? 'log' : 'value', scale: true, ...own_, axisLabel: label },
      series: sides.map((side) => ({
        ...{ name: side, type: 'boxplot', boxWidth: width },
        itemStyle: { color: 'transparent', borderColor: colours[side], borderWidth: 1.6 },
        data: own.map((spread) => {
          const box = five.map((share) => quantile(spread[side], share));
          if (box.includes(null)) return { value: five.map(() => NaN) };
          return { value: box.map((n) => (log ? Math.max(least, n ?? least) : (n ?? 0))) };
        }),
      })),
    },
  };
}
