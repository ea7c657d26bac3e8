// How recovery went: the mixture of each round, what it answered, and when it stopped (paper Alg. 5).
import type { EvaluationArtefact, RecoveryArtefact } from '../../artefacts.js';
import { chart, type Drawing, type Frame, ink } from '../chart.js';
import { axis, colourOf, dashOf, grid, inkOn, legend, shareFrame } from '../chart_style.js';
import { amount, type Block, type Cell, type Section, table, text } from '../document.js';
import { digits, duration, percent, whole } from '../format.js';
import type { RunRecord } from '../run_record.js';
import { takenBack } from '../taken_back.js';

export function recovery({ values }: RunRecord): Section | undefined {
  const stages = [values['recover-pretraining'], values['recover-instruct']].filter(
    (stage) => stage !== undefined,
  );
  if (stages.length === 0) return undefined;
  const blocks = [
    ...lossesBack(values['evaluate-dense'], values['evaluate-cut'], values['evaluate-recovered']),
    ...stages.flatMap(stageBlocks),
  ];
  return { id: 'recovery', title: 'Recovery', blocks };
}

/** Per source how much of what the cut took came back. */
function lossesBack(...moments: (EvaluationArtefact | undefined)[]): Block[] {
  const [dense, cut, recovered] = moments;
  if (!dense || !cut || !recovered) return [];
  const rows = dense.perplexity.map(({ source, nll }): Cell[] => {
    const of = (e: EvaluationArtefact) => e.perplexity.find((row) => row.source === source)?.nll;
    const [after, last] = [of(cut) ?? NaN, of(recovered) ?? NaN];
    const four = (n: number): Cell => amount(n, (v) => signed(v));
    return [
      ...[source, four(after - nll), four(last - nll)],
      amount(takenBack(nll, after, last), (share) => percent(share, 0)),
    ];
  });
  return [
    table(
      ['source', 'growth of the loss by the cut, nats', 'left after recovery', 'taken back'],
      rows,
    ),
  ];
}

const signed = (n: number): string => `${n < 0 ? '−' : '+'}${digits(Math.abs(n), 3)}`;

const onOf = ({ stage }: RecoveryArtefact): string =>
  stage === 'pretraining' ? 'pretraining text' : 'instructions';

function stageBlocks(stage: RecoveryArtefact): Block[] {
  const { rounds, bestRound, tokens, learningRate, stopReason, seed, composition } = stage;
  const names = Object.keys(rounds[0]?.validation ?? {});
  const best = bestRound < 0 ? 'none: the state before is kept' : `round ${bestRound + 1}`;
  return [
    text(
      `**On ${onOf(stage)}**: ${rounds.length} round${rounds.length === 1 ? '' : 's'}, ${whole(tokens)} tokens, learning rate ${learningRate}, seed ${seed}${composition === undefined ? '' : `, mixture \`${composition}\``}. Ended because: ${stopReason}. Best: ${best}.`,
    ),
    ...oddities(stage),
    ...(names.length > 1 ? [mixtures(stage, names)] : []),
    ...(rounds.length > 1 && names.length > 0 ? [degradations(stage, names)] : []),
    roundTable(stage, names),
  ];
}

/** What did not go as it usually does: ways back, samples that came again, and how long it took where that was limited. */
function oddities({ rounds, rollbacks = [], seconds }: RecoveryArtefact): Block[] {
  const again = rounds.filter(({ repeats }) => repeats).map(({ index }) => index + 1);
  const short = rounds.filter(({ wanted }) => wanted).map(({ index }) => index + 1);
  const which = (numbers: number[]): string =>
    `round${numbers.length === 1 ? '' : 's'} ${numbers.join(', ')}`;
  return [
    ...rollbacks.map(({ step, backTo, rate, reason }) =>
      text(
        `**Taken back** from step ${step} to step ${backTo}, then on at ${rate} times the learning rate: ${reason}.`,
      ),
    ),
    ...(again.length > 0
      ? [
          text(
            `In ${which(again)} all sources together had less than the round took: some came again.`,
          ),
        ]
      : []),
    ...(short.length > 0 && again.length === 0
      ? [
          text(
            `In ${which(short)} a source had less than its share; the others took over the rest.`,
          ),
        ]
      : []),
    ...(seconds === undefined
      ? []
      : [text(`Time was limited: it took ${duration(seconds)}, and no second run stops alike.`)]),
  ];
}

function roundTable({ rounds }: RecoveryArtefact, names: readonly string[]): Block {
  return table(
    [
      'round',
      'source',
      'share',
      'degradation before',
      'validation loss after',
      'steps',
      'useful',
      '',
    ],
    rounds.flatMap((r) =>
      names.map((name, i): Cell[] => [
        i === 0 ? amount(r.index + 1, whole) : '',
        name,
        amount(r.mixture[name] ?? 0, (n) => shareOf(n, r.wanted?.[name])),
        amount(r.degradation[name], (n) => percent(n, 2)),
        amount(r.validation[name], digits),
        i === 0 ? amount(r.steps, whole) : '',
        i === 0 ? amount(r.useful, (n) => percent(n, 0)) : '',
        i === 0 && !r.accepted ? 'worse: not kept' : '',
      ]),
    ),
  );
}

/** `12 %`, and where the source had less than that was composed, `12 % of 30 %`. */
const shareOf = (n: number, wanted: number | undefined): string =>
  wanted === undefined || wanted - n < 0.005
    ? percent(n, 0)
    : `${percent(n, 0)} of ${percent(wanted, 0)}`;

function mixtures({ rounds }: RecoveryArtefact, names: readonly string[]): Block {
  const share = (n: number): string => percent(n, 0);
  const each = rounds.map(
    (r) =>
      `round ${r.index + 1}: ${names.map((n) => `${n} ${share(r.mixture[n] ?? 0)}`).join(', ')}`,
  );
  const rows = rounds.map((r) => [
    amount(r.index + 1, whole),
    ...names.map((name) => amount(r.mixture[name] ?? 0, percent)),
  ]);
  const drawing = (frame: Frame): Drawing => {
    const base = shareFrame(
      rounds.map((r) => `round ${r.index + 1}`),
      names,
      frame,
    );
    return {
      height: base.grid.top + 30 + 40 * rounds.length,
      options: {
        ...base,
        series: names.map((name, i) => ({
          ...{ name, type: 'bar', stack: 'mixture', barWidth: '62%' },
          itemStyle: { color: colourOf(i) },
          label: {
            ...{ show: true, color: inkOn(colourOf(i)), fontSize: frame.narrow ? 11 : 12 },
            formatter: ({ value }: { value: number }) =>
              value >= (frame.narrow ? 0.14 : 0.06) ? share(value) : '',
          },
          data: rounds.map((r) => r.mixture[name] ?? 0),
        })),
      },
    };
  };
  const title = 'Mixture of each round: more of what suffered more';
  return chart(
    { title, summary: each.join('; '), data: { head: ['round', ...names], rows } },
    drawing,
  );
}

function degradations(stage: RecoveryArtefact, names: readonly string[]): Block {
  const { rounds } = stage;
  const of = (name: string): [number, number][] =>
    rounds.flatMap((r) => {
      const value = r.degradation[name];
      return value === undefined ? [] : [[r.index + 1, value] as [number, number]];
    });
  const show = (n: number): string => percent(n, 1);
  const summary = names.map((name) => {
    const [first, last] = [of(name)[0], of(name).at(-1)];
    return first && last ? `${name} ${show(first[1])} → ${show(last[1])}` : name;
  });
  const rows = rounds.map((r) => [
    amount(r.index + 1, whole),
    ...names.map((name) => amount(r.degradation[name], (n) => percent(n, 2))),
  ]);
  const drawing = (frame: Frame): Drawing => {
    const { legend: style, top } = legend(names, frame, true);
    const own = axis(frame);
    return {
      height: frame.narrow ? 230 : 250,
      options: {
        legend: style,
        grid: grid({ top, right: 12, bottom: 26 }),
        xAxis: {
          ...{ type: 'value', min: 1, max: Math.max(2, rounds.length), minInterval: 1, ...own },
          ...{ name: 'before round', nameLocation: 'middle', nameGap: 26 },
          splitLine: { show: false },
        },
        yAxis: {
          ...{ type: 'value', scale: true, ...own },
          axisLabel: { ...own.axisLabel, formatter: show },
        },
        series: names.map((name, i) => ({
          ...{ name, type: 'line', symbol: 'circle', symbolSize: 6, color: colourOf(i) },
          lineStyle: { width: 2, type: dashOf(i), color: colourOf(i) },
          data: of(name),
          ...(i === 0
            ? {
                markLine: {
                  ...{ symbol: 'none', silent: true, label: { show: false } },
                  ...{
                    lineStyle: { color: ink, opacity: 0.5, type: 'solid' },
                    data: [{ yAxis: 0 }],
                  },
                },
              }
            : {}),
        })),
      },
    };
  };
  const title = `Loss on ${onOf(stage)} against the dense model, before each round`;
  return chart(
    { title, summary: summary.join('; '), data: { head: ['round', ...names], rows } },
    drawing,
  );
}
