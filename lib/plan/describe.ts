// A plan as text for a terminal: what there is, what would be cut, who loads it, and what a run takes.
import { ranges } from '../groups/describe.js';
import { bytes, duration, percent, whole } from '../report/format.js';
import type { Measures } from './costs.js';
import type { Verdict } from './engines/engine.js';
import type { ModelPlan, PlannedCut } from './plan.js';
import type { Prediction } from './prediction.js';
import type { GroupRow } from './rows.js';
import { table, wrap } from './table.js';
import type { Target } from './target.js';

/** How headings and verdicts are set off; the terminal's colours, or nothing. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
}

const same = (text: string): string => text;
const plain: Style = { bold: same, good: same, bad: same };

/** @param width columns of the terminal */
export function planText(plan: ModelPlan, width = 100, style: Style = plain): string {
  const { groups, cut, unreachable, prediction } = plan;
  const prunable = groups.filter((row) => row.prunable && !row.onRequest);
  const onRequest = groups.filter((row) => row.onRequest);
  const kept = groups.filter((row) => !row.prunable);
  const sections = [
    headLines(plan, width),
    ['', style.bold('Removable'), ...removable(prunable, width)],
    onRequest.length === 0
      ? []
      : ['', style.bold('Removable on request'), ...removable(onRequest, width)],
    kept.length === 0
      ? []
      : [
          '',
          style.bold('Not removed'),
          ...table(
            [
              ['group', 'layers', 'units', 'because'],
              ...kept.map(({ id, layers, units, reason }) => [
                ...[id, layerRanges(layers), whole(units), reason ?? ''],
              ]),
            ],
            width,
          ),
        ],
    cut ? cutLines(plan, cut, width, style) : ['', ...wrap(`No cut: ${unreachable ?? ''}`, width)],
    prediction ? predictionLines(prediction, width, style) : [],
  ];
  return sections.flat().join('\n');
}

function headLines({ modelType, layers, total, use, stored }: ModelPlan, width: number): string[] {
  const files = stored
    ? `${stored.files} weight file${stored.files === 1 ? '' : 's'} of ${bytes(stored.bytes)} (${stored.types.join(', ')}), which fit config.json`
    : 'no weight files here; config.json alone';
  const { context, batch, dtype } = use;
  return [
    ...wrap(
      `${modelType}, ${layers} layers, ${whole(total.parameters)} parameters; ${files}`,
      width,
    ),
    ...wrap(
      `In use as ${dtype}, ${whole(context)} tokens of context, ${batch === 1 ? 'one text' : `${whole(batch)} texts`} at a time: ${bytes(total.memory)}, ${count(total.macs)} multiply-accumulates and ${bytes(total.kvBytes)} of cache a token`,
      width,
    ),
  ];
}

function removable(rows: readonly GroupRow[], width: number): string[] {
  if (rows.length === 0) return ['nothing'];
  return table(
    [
      ['group', 'layers', 'units', 'of the model', 'parameters each', 'MACs each', 'cache each'],
      ...rows.map(({ id, layers, units, share, unit }) => [
        ...[id, layerRanges(layers), whole(units), percent(share)],
        ...[whole(unit.parameters), whole(unit.macs), bytes(unit.kvBytes)],
      ]),
    ],
    width,
  );
}

const labels: Readonly<Record<keyof Measures, string>> = {
  parameters: 'parameters',
  macs: 'MACs a token',
  kvBytes: 'cache a token',
  memory: 'memory in use',
};

/** `3 of 4 kv heads`; nothing where layers have none, and `3` where they had different numbers. */
const ofAll = (kept: number | null, removed: number | null, what: string): string =>
  kept === null
    ? ''
    : `${whole(kept)}${removed === null ? '' : ` of ${whole(kept + removed)}`} ${what}`;

function cutLines({ total }: ModelPlan, cut: PlannedCut, width: number, style: Style): string[] {
  const { target, after, ratios, kvHeads, channels, engines } = cut;
  const keeps = [
    ofAll(kvHeads, cut.kvHeadsRemovedPerLayer, 'kv heads'),
    ofAll(channels, cut.channelsRemovedPerLayer, 'MLP channels'),
  ].filter(Boolean);
  const measures = Object.keys(labels) as (keyof Measures)[];
  return [
    '',
    style.bold(`Cut: ${targetInWords(target)}`),
    ...wrap(`Each layer keeps ${keeps.join(' and ')}.`, width),
    ...table(
      [
        ['', 'dense', 'cut', 'removed'],
        ...measures.map((key) => [
          labels[key],
          ...[total[key], after[key]].map(key === 'memory' || key === 'kvBytes' ? bytes : count),
          percent(ratios[key]),
        ]),
      ],
      width,
    ),
    '',
    style.bold('Engines that load the result'),
    ...engines.flatMap((verdict) => verdictLines(verdict, width, style)),
  ];
}

function verdictLines(
  { engine, loads, rules, notes }: Verdict,
  width: number,
  style: Style,
): string[] {
  const word = loads ? style.good('yes') : style.bad('no ');
  const against = rules
    .filter(({ ok }) => !ok)
    .map(({ rule, detail, source, since }) => {
      const from = since === undefined ? '' : `, from ${since} on`;
      return `${rule}${from}: ${detail} [${source}]`;
    });
  const needs = rules
    .filter(({ ok, since }) => ok && since !== undefined)
    .map(({ rule, since }) => ({ rule, since: since ?? '' }))
    .filter(({ rule }) => rule.startsWith('head_dim'))
    .map(({ since }) => `from version ${since} on`);
  const gpus = loads
    ? rules
        .filter(({ detail }) => detail.startsWith('tensor_parallel_size'))
        .map(({ detail }) => detail)
    : [];
  const lines = [...against, ...needs, ...gpus, ...(loads ? notes : [])];
  return [
    `${word}  ${engine}`,
    ...lines.flatMap((line) =>
      wrap(line, width - 7).map((part, i) => `${i === 0 ? '     - ' : '       '}${part}`),
    ),
  ];
}

function predictionLines(
  { memory, stages, seconds, range, rate }: Prediction,
  width: number,
  style: Style,
): string[] {
  const { peak, stage, program, weights, lora, activations, statistics } = memory;
  const parts = [
    ...[`weights ${bytes(weights)}`, `LoRA and its optimiser ${bytes(lora)}`],
    activations > 0 ? `activations ${bytes(activations)}` : '',
    statistics > 0 ? `input statistics ${bytes(statistics)}` : '',
    `program ${bytes(program)}`,
  ].filter(Boolean);
  const time =
    seconds === null || range === null || rate === null
      ? 'Time: not estimated (no probe).'
      : `Time: about ${duration(seconds)}, between ${duration(range.least)} and ${duration(range.most)}, at ${count(rate.macsPerSecond)} MACs a second, measured here: ${stages
          .map((part) => `${part.stage} ${duration(part.seconds ?? 0)}`)
          .join(', ')}. Reading data, tasks and files are not in it.`;
  return [
    '',
    style.bold('A run on this machine (estimates)'),
    ...wrap(`Peak memory: ${bytes(peak)} in the ${stage} stage: ${parts.join(', ')}.`, width),
    ...wrap(time, width),
  ];
}

function targetInWords(target: Target): string {
  const what = {
    parameters: 'parameters',
    macs: 'multiply-accumulates',
    kvBytes: 'key-value cache',
    memory: 'memory in use',
  }[target.measure];
  if ('ratio' in target) return `${percent(target.ratio)} of the ${what} to remove`;
  return `at most ${target.measure === 'memory' ? bytes(target.most) : count(target.most)} of ${what} to leave`;
}

/** `13.2 G`; whole numbers below a hundred thousand. */
function count(n: number): string {
  if (n < 1e5) return whole(n);
  const units = ['', 'k', 'M', 'G', 'T', 'P'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(n) / 3));
  return `${(n / 1000 ** power).toPrecision(4)} ${units[power] ?? ''}`;
}

/** `0–3, 5`; `all` for what spans layers. */
const layerRanges = (layers: readonly number[]): string =>
  layers.length === 0 ? 'all' : ranges(layers);
