// How recovery went: the mixture of each round, what it answered, and when it stopped (paper Alg. 5).
import type { RecoveryArtefact } from '../../artefacts.js';
import { draw, shareFrame, palette } from '../chart.js';
import { type Block, type Section, table, text } from '../document.js';
import { digits, percent, whole } from '../format.js';
import type { RunRecord } from '../run_record.js';

export function recovery({ values }: RunRecord): Section | undefined {
  const stages = [values['recover-pretraining'], values['recover-instruct']].filter(
    (stage) => stage !== undefined,
  );
  if (stages.length === 0) return undefined;
  return { id: 'recovery', title: 'Recovery', blocks: stages.flatMap(stageBlocks) };
}

function stageBlocks(stage: RecoveryArtefact): Block[] {
  const on = stage.stage === 'pretraining' ? 'pretraining text' : 'instructions';
  const names = Object.keys(stage.rounds[0]?.validation ?? {});
  const best =
    stage.bestRound < 0 ? 'none: the state before is kept' : `round ${stage.bestRound + 1}`;
  const blocks: Block[] = [
    text(
      `**On ${on}**: ${stage.rounds.length} round${stage.rounds.length === 1 ? '' : 's'}, ${whole(stage.tokens)} tokens, learning rate ${stage.learningRate}. Ended because: ${stage.stopReason}. Best: ${best}.`,
    ),
  ];
  if (names.length > 1) {
    blocks.push({
      kind: 'chart',
      title: 'Mixture of each round: more of what suffered more',
      svg: draw(mixtureChart(stage, names), 60 + 40 * stage.rounds.length),
      summary: stage.rounds
        .map(
          (r) =>
            `round ${r.index + 1}: ${names.map((n) => `${n} ${percent(r.mixture[n] ?? 0, 0)}`).join(', ')}`,
        )
        .join('; '),
    });
  }
  blocks.push(
    table(
      ['round', 'source', 'share', 'degradation before', 'validation loss after', ''],
      stage.rounds.flatMap((r) =>
        names.map((name, i) => [
          i === 0 ? String(r.index + 1) : '',
          name,
          percent(r.mixture[name] ?? 0, 0),
          r.degradation[name] === undefined ? '–' : percent(r.degradation[name], 2),
          digits(r.validation[name] ?? NaN),
          i === 0 && !r.accepted ? 'worse: not kept' : '',
        ]),
      ),
    ),
  );
  return blocks;
}

function mixtureChart(stage: RecoveryArtefact, names: readonly string[]) {
  return {
    ...shareFrame(stage.rounds.map((r) => `round ${r.index + 1}`)),
    series: names.map((name, i) => ({
      name,
      type: 'bar',
      stack: 'mixture',
      barWidth: '62%',
      itemStyle: { color: palette[i % palette.length] },
      label: {
        show: true,
        color: '#fff',
        fontSize: 12,
        formatter: ({ value }: { value: number }) => (value >= 0.06 ? percent(value, 0) : ''),
      },
      data: stage.rounds.map((r) => r.mixture[name] ?? 0),
    })),
  };
}
