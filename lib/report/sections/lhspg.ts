// What LHSPG did: which units each period chose, how they went to zero, and what left the running model when (paper Alg. 4).
import type { LhspgArtefact, PartitionArtefact } from '../../artefacts.js';
import { chart, type Drawing, type Frame, ink } from '../chart.js';
import { axis, colourOf, dashOf, grid, legend } from '../chart_style.js';
import { amount, type Block, type Cell, folded, type Section, table, text } from '../document.js';
import { digits, percent, whole } from '../format.js';
import { type HeatCell, kindName, layerMap, layersOf } from '../layer_charts.js';
import type { RunRecord } from '../run_record.js';

type Period = LhspgArtefact['periods'][number];

export function lhspg({ values }: RunRecord): Section | undefined {
  const { lhspg: found, partition } = values;
  if (!found) return undefined;
  const { target, achieved, periods, rollbacks, form } = found;
  const many = periods.length === 1 ? '1 period' : `${whole(periods.length)} periods`;
  const walked = periods.some(({ walk }) => walk.length > 0);
  return {
    id: 'lhspg',
    title: 'How LHSPG went',
    blocks: [
      text(
        `Form \`${form}\`: asked ${percent(target.ratio)} of all parameters, done **${percent(achieved.ratio, 2)}**, which are ${whole(achieved.zeroUnits)} units over ${many}. All were exactly zero before they left. ${whole(found.warmupSteps)} step${found.warmupSteps === 1 ? '' : 's'} of warm-up, ${whole(found.tokens)} tokens, learning rate ${found.learningRate}, seed ${found.seed}.`,
      ),
      ...(walked ? [walks(periods)] : []),
      periodTable(periods),
      ...chosenMaps(periods, partition),
      ...(periods.length === 0 ? [] : [chosenTable(periods)]),
      ...(rollbacks.length === 0
        ? [text('Nothing went wrong on the way: no step was taken back.')]
        : [rollbackTable(rollbacks)]),
    ],
  };
}

const chosenOf = ({ chosen }: Period): number =>
  chosen.reduce((sum, { units }) => sum + units.length, 0);

function periodTable(periods: readonly Period[]): Block {
  const head = [
    ...['period', 'steps', 'units chosen', 'zero after it', 'mean λ', 'loss before', 'loss after'],
    ...['parameters left', 'equal without zeros'],
  ];
  return table(
    head,
    periods.map((p) => {
      const mean = p.walk.reduce((sum, { lambda }) => sum + lambda, 0) / p.walk.length;
      const { equality } = p;
      const equal =
        equality === null
          ? 'all stayed'
          : equality.maxAbsDifference <= equality.tolerance
            ? `yes, to ${digits(equality.maxAbsDifference, 2)}`
            : 'NO';
      return [
        ...[p.index + 1, p.steps, chosenOf(p), p.zeroUnits].map((n) => amount(n, whole)),
        ...[amount(mean, (n) => digits(n, 3))],
        ...[p.lossBefore, p.lossAfter].map((loss) => amount(loss, digits)),
        ...[amount(p.parameters, whole), equal],
      ];
    }),
  );
}

/** The points of a period's walk, and zero after its last step where all that was chosen is zero then. */
function walkOf(period: Period): [number, number][] {
  const points = period.walk.map(({ step, norm }): [number, number] => [step, norm]);
  const last = period.walk.at(-1);
  if (last && last.zero >= chosenOf(period)) points.push([last.step + 1, 0]);
  return points;
}

function walks(periods: readonly Period[]): Block {
  const rows = periods.flatMap(({ index, walk }) =>
    walk.map(({ step, norm, lambda, zero }) => [
      ...[index + 1, step].map((n) => amount(n, whole)),
      ...[norm, lambda].map((n) => amount(n, (v) => digits(v, 3))),
      amount(zero, whole),
    ]),
  );
  const summary = periods.flatMap((period) => {
    const points = walkOf(period);
    const [from, to] = [points[0], points.at(-1)];
    if (!from || !to) return [];
    return [`period ${period.index + 1} from ${digits(from[1], 3)} to ${digits(to[1], 3)}`];
  });
  return chart(
    {
      title: 'Chosen units on their way to zero: their joint norm, and mean λ (dashed)',
      summary: summary.join('; '),
      data: { head: ['period', 'step', 'norm before it', 'mean λ', 'zero after it'], rows },
    },
    (frame) => walkDrawing(periods, frame),
  );
}

function walkDrawing(periods: readonly Period[], frame: Frame): Drawing {
  const { legend: style, top } = legend(['joint norm', 'mean λ'], frame, true);
  const own = axis(frame);
  const [norms, lambdas] = [colourOf(0), colourOf(1)];
  const highest = Math.max(...periods.flatMap(({ walk }) => walk.map(({ lambda }) => lambda)));
  const step = {
    ...{ type: 'value', min: 'dataMin', max: 'dataMax', ...own, splitLine: { show: false } },
    ...{ name: 'optimiser step', nameLocation: 'middle', nameGap: 26, minInterval: 1 },
  };
  const areas = periods.flatMap((period, i) => {
    const points = walkOf(period);
    const [from, to] = [points[0]?.[0], points.at(-1)?.[0]];
    if (i % 2 === 0 || from === undefined) return [];
    return [[{ xAxis: from }, { xAxis: to }]];
  });
  const markArea = { silent: true, itemStyle: { color: ink, opacity: 0.06 }, data: areas };
  const line = { type: 'line', showSymbol: false, symbol: 'circle', symbolSize: 4 };
  return {
    height: frame.narrow ? 250 : 290,
    options: {
      legend: style,
      grid: grid({ top, right: 2, bottom: 26 }),
      xAxis: step,
      yAxis: [
        { type: 'value', min: 0, ...own },
        {
          ...{ type: 'value', min: 0, max: highest > 1 ? undefined : 1, ...own },
          splitLine: { show: false },
        },
      ],
      series: periods.flatMap((period, i) => [
        {
          ...{ ...line, name: 'joint norm', color: norms, data: walkOf(period) },
          ...{ lineStyle: { width: 2, color: norms }, ...(i === 0 ? { markArea } : {}) },
        },
        {
          ...{ ...line, name: 'mean λ', color: lambdas, yAxisIndex: 1 },
          lineStyle: { width: 1.5, color: lambdas, type: dashOf(1) },
          data: period.walk.map(({ step: at, lambda }) => [at, lambda]),
        },
      ]),
    },
  };
}

/** A map for each kind of unit: periods upward, layers to the right. */
function chosenMaps(periods: readonly Period[], partition: PartitionArtefact | undefined): Block[] {
  const known = new Map(partition?.groups.map((group) => [group.id, group]));
  const found = periods.flatMap((p) =>
    p.chosen.flatMap(({ group: id, units }) => {
      const group = known.get(id);
      return group && group.layer !== null ? [{ period: p.index, group, count: units.length }] : [];
    }),
  );
  const kinds = [...new Set(found.map(({ group }) => group.kind))];
  return kinds.map((kind) => {
    const own = found.filter(({ group }) => group.kind === kind);
    const layers = layersOf([...known.values()].filter((g) => g.kind === kind));
    const most = Math.max(...own.map(({ count }) => count));
    const cells = own.map(({ period, group, count }): HeatCell => ({
      ...{ x: layers.indexOf(group.layer), y: period, depth: count / most, label: whole(count) },
    }));
    const sums = periods.map(({ index }) =>
      own.reduce((sum, { period, count }) => sum + (period === index ? count : 0), 0),
    );
    return layerMap(
      {
        title: `${kindName(kind)} chosen in each period (deeper: more)`,
        summary: sums.map((n, i) => `period ${i + 1}: ${whole(n)}`).join(', '),
        data: {
          head: ['period', 'group', 'units chosen'],
          rows: own.map(({ period, group, count }) => [
            ...[amount(period + 1, whole), `\`${group.id}\``, amount(count, whole)],
          ]),
        },
      },
      { layers, rows: periods.map(({ index }) => `period ${index + 1}`), cells },
    );
  });
}

/** Units are named up to this many of a group and period; all are in lhspg.json. */
const named = 24;

function chosenTable(periods: readonly Period[]): Block {
  const rows = periods.flatMap((p) =>
    p.chosen.map(({ group, units, scores }): Cell[] => {
      const finite = scores.filter((score) => Number.isFinite(score));
      const rest = units.length - named;
      const list = units.slice(0, named).join(', ');
      return [
        ...[amount(p.index + 1, whole), `\`${group}\``, amount(units.length, whole)],
        amount(finite.length > 0 ? Math.min(...finite) : null, (n) => digits(n, 3)),
        amount(finite.length > 0 ? Math.max(...finite) : null, (n) => digits(n, 3)),
        rest > 0 ? `${list} and ${rest} more` : list,
      ];
    }),
  );
  return folded(
    'Which units each period chose',
    ['period', 'group', 'units', 'least score', 'largest score', 'numbers in the dense model'],
    rows,
  );
}

const rollbackTable = (rollbacks: LhspgArtefact['rollbacks']): Block =>
  table(
    ['went wrong at step', 'taken back to', 'on at learning rate ×', 'because'],
    rollbacks.map(({ step, backTo, rate, reason }) => [
      ...[amount(step, whole), amount(backTo, whole), amount(rate, (n) => digits(n, 3)), reason],
    ]),
  );
