// The training loss from the first LHSPG step to the last of recovery, with the phases marked.
import type { LhspgArtefact } from '../../artefacts.js';
import { chart, type Drawing, type Frame, ink } from '../chart.js';
import { axis, colourOf, grid, legend } from '../chart_style.js';
import { amount, type Section, table, text } from '../document.js';
import { digits, whole } from '../format.js';
import type { RunRecord } from '../run_record.js';

type Losses = LhspgArtefact['losses'];

interface Stretch {
  name: string;
  losses: Losses;
  learningRate: number;
  tokens: number;
}

/** Points of a line: more are not seen at this width. */
const points = 600;

export function training({ values }: RunRecord): Section | undefined {
  const stretches = [
    ['LHSPG', values.lhspg],
    ['recovery on text', values['recover-pretraining']],
    ['recovery on instructions', values['recover-instruct']],
  ] as const;
  const found = stretches.flatMap(([name, artefact]): Stretch[] =>
    artefact && artefact.losses.length > 0 ? [{ name, ...artefact }] : [],
  );
  if (found.length === 0) return undefined;
  return {
    id: 'training',
    title: 'Training',
    blocks: [
      chart(
        {
          title: 'Training loss, nats per token (thin: each step; thick: running mean)',
          summary: found.map((s) => `${s.name}: ${ends(s.losses)}`).join('; '),
          data: { head: ['stage', 'phase', 'step', 'loss'], rows: found.flatMap(lossRows) },
        },
        (frame) => lossChart(found, frame),
      ),
      table(
        ['stage', 'steps', 'tokens', 'learning rate', 'loss, first steps', 'loss, last steps'],
        found.map((s) => [
          s.name,
          amount(s.losses.length, whole),
          amount(s.tokens, whole),
          amount(s.learningRate, String),
          amount(edge(s.losses, 'first'), digits),
          amount(edge(s.losses, 'last'), digits),
        ]),
      ),
      text(
        'The stages train on different mixtures of text, so that their losses do not compare; perplexity on held-out text above does.',
      ),
    ],
  };
}

const ends = (losses: Losses) =>
  `${digits(edge(losses, 'first'))} → ${digits(edge(losses, 'last'))}`;

/** Mean of the first or last tenth, at most 20 steps. */
function edge(losses: Losses, which: 'first' | 'last'): number {
  const n = Math.max(1, Math.min(20, Math.round(losses.length / 10)));
  const part = which === 'first' ? losses.slice(0, n) : losses.slice(-n);
  return part.reduce((sum, { loss }) => sum + loss, 0) / part.length;
}

/** Thinned as the drawing is. */
const lossRows = ({ name, losses }: Stretch) =>
  thin(losses).map(({ step, loss, phase }) => [
    ...[name, phase, amount(step, whole), amount(loss, digits)],
  ]);

function lossChart(found: readonly Stretch[], frame: Frame): Drawing {
  let offset = 0;
  const marks: { xAxis: number; name: string }[] = [];
  const series = found.flatMap(({ name, losses }, i) => {
    const raw: [number, number][] = losses.map(({ loss }, j) => [offset + j + 1, loss]);
    const smooth = running(raw);
    for (const [j, { phase }] of losses.entries()) {
      if (j === 0 || losses[j - 1]?.phase !== phase)
        marks.push({ xAxis: offset + j + 1, name: phase });
    }
    offset += losses.length;
    const color = colourOf(i);
    const line = { type: 'line', showSymbol: false, color };
    return [
      {
        ...line,
        name: `${name}, each step`,
        lineStyle: { width: 1, opacity: 0.3 },
        data: thin(raw),
      },
      { ...line, name, lineStyle: { width: 2.5 }, data: thin(smooth) },
    ];
  });
  const label = {
    color: ink,
    opacity: 1,
    fontSize: 11,
    rotate: 90,
    position: 'insideEndBottom',
    distance: 4,
  };
  const markLine = {
    symbol: 'none',
    silent: true,
    lineStyle: { color: ink, opacity: 0.35, type: 'dashed' },
    label: { ...label, formatter: ({ name }: { name: string }) => name },
    // A phase of a few steps loses its mark.
    data: marks.filter(
      ({ xAxis }, i) =>
        (marks[i + 1]?.xAxis ?? Infinity) - xAxis > offset / (frame.narrow ? 18 : 50),
    ),
  };
  const names = found.map(({ name }) => name);
  const { legend: style, top } = legend(names, frame, true);
  const own = axis(frame);
  const step = { name: 'optimiser step', nameLocation: 'middle', nameGap: 26 };
  return {
    height: frame.narrow ? 300 : 340,
    options: {
      legend: style,
      grid: grid({ right: 12, top, bottom: 26 }),
      xAxis: {
        ...{ type: 'value', min: 0, max: offset + 1, ...step, ...own },
        splitLine: { show: false },
      },
      yAxis: { type: 'value', scale: true, ...own },
      series: series.map((s, i) => (i === 0 ? { ...s, markLine } : s)),
    },
  };
}

/** Exponential running mean over about a twentieth of the steps, without the bias of its start. */
function running(data: readonly [number, number][]): [number, number][] {
  const keep = 1 - 1 / Math.max(3, Math.min(50, data.length / 20));
  let [sum, weight] = [0, 0];
  return data.map(([x, y]) => {
    sum = keep * sum + y;
    weight = keep * weight + 1;
    return [x, sum / weight];
  });
}

function thin<T>(data: readonly T[]): T[] {
  const stride = Math.ceil(data.length / points);
  return data.filter((_, i) => i % stride === 0 || i === data.length - 1);
}
