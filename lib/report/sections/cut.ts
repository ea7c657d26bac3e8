// What was cut, layer by layer, and by which scores (paper Alg. 4).
import type { LhspgArtefact } from '../../artefacts.js';
import { colours, draw, shareFrame } from '../chart.js';
import { type Block, type Section, table, text } from '../document.js';
import { digits, percent, whole } from '../format.js';
import type { RunRecord } from '../run_record.js';

interface CutGroup {
  id: string;
  kept: number;
  removed: number;
  /** Scores at the time of the choice. */
  removedScores: number[];
  keptScores: number[];
  /** Growth of the loss in the knowledge analysis. */
  deviation: number | undefined;
  guarded: boolean;
}

export function cut({ values }: RunRecord): Section | undefined {
  const { lhspg, knowledge } = values;
  if (!lhspg) return undefined;
  const map = new Map(knowledge?.groups.map((g) => [g.id, g]));
  const groups = lhspg.kept.map(({ group, kept, removed, scores }): CutGroup => {
    const chosen = lhspg.periods.flatMap((p) => p.chosen.filter((c) => c.group === group));
    return {
      id: group,
      kept: kept.length,
      removed: removed.length,
      removedScores: chosen.flatMap((c) => c.scores),
      keptScores: scores ? kept.flatMap((u) => scores[u] ?? []) : [],
      deviation: map.get(group)?.deviation,
      guarded: map.get(group)?.protected ?? false,
    };
  });
  const { target, achieved } = lhspg;
  const inLayer = (count: number | null): string => (count === null ? 'some' : whole(count));
  const withKept = groups.some(({ keptScores }) => keptScores.length > 0);
  const blocks: Block[] = [
    text(
      `Target: ${percent(target.ratio)} of all parameters; removed: ${percent(achieved.ratio, 2)}, ${whole(achieved.zeroUnits)} units, ${inLayer(target.kvHeads)} kv heads and ${inLayer(target.channels)} MLP channels from each layer, all exactly zero before the cut. ` +
        `In each layer the units with the least \`${lhspg.saliency}\` went, over ${lhspg.periods.length} periods; groups marked ● hold the most knowledge and waited for the last one.`,
    ),
    {
      kind: 'chart',
      title: 'Share of the units of each group that went',
      svg: draw(sharesChart(groups), 60 + 24 * groups.length),
      summary: groups.map((g) => `${g.id}: ${g.removed} of ${g.kept + g.removed}`).join(', '),
    },
    table(
      [
        'group',
        'removed',
        'of',
        'scores of the removed',
        ...(withKept ? ['scores of the kept'] : []),
        'growth of the loss',
      ],
      groups.map((g) => [
        `\`${g.id}\`${g.guarded ? ' ●' : ''}`,
        whole(g.removed),
        whole(g.removed + g.kept),
        range(g.removedScores),
        ...(withKept ? [range(g.keptScores)] : []),
        g.deviation === undefined ? '–' : digits(g.deviation, 3),
      ]),
    ),
    text('Scores compare units of one group; which units they were is in `lhspg.json`.'),
    periods(lhspg),
  ];
  return { id: 'cut', title: 'What was cut, and why', blocks };
}

function periods(lhspg: LhspgArtefact): Block {
  return table(
    ['period', 'steps', 'units chosen', 'zero after it', 'loss before', 'loss after'],
    lhspg.periods.map((p) => [
      String(p.index + 1),
      whole(p.steps),
      whole(p.chosen.reduce((sum, { units }) => sum + units.length, 0)),
      whole(p.zeroUnits),
      p.lossBefore === null ? '–' : digits(p.lossBefore),
      p.lossAfter === null ? '–' : digits(p.lossAfter),
    ]),
  );
}

function range(scores: readonly number[]): string {
  if (scores.length === 0) return '–';
  const sorted = [...scores].sort((a, b) => a - b);
  const [least, greatest] = [sorted[0] as number, sorted.at(-1) as number];
  return least === greatest ? digits(least, 3) : `${digits(least, 3)} … ${digits(greatest, 3)}`;
}

function sharesChart(groups: readonly CutGroup[]) {
  const share = (g: CutGroup) => g.removed / (g.removed + g.kept);
  return {
    ...shareFrame(groups.map((g) => `${g.guarded ? '● ' : ''}${g.id}`)),
    series: [
      {
        name: 'removed',
        type: 'bar',
        stack: 'units',
        barWidth: '62%',
        itemStyle: { color: colours.removed },
        data: groups.map(share),
      },
      {
        name: 'kept',
        type: 'bar',
        stack: 'units',
        itemStyle: { color: colours.kept },
        data: groups.map((g) => 1 - share(g)),
      },
    ],
  };
}
