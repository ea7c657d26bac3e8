// The knowledge map: how much the loss grows when a share of a group's units is taken out (paper Alg. 3, Fig. 4).
import type { KnowledgeArtefact } from '../../artefacts.js';
import { amount, type Block, type Cell, folded, type Section, table, text } from '../document.js';
import { digits, percent, whole } from '../format.js';
import { type HeatCell, kindName, layerMap, layersOf } from '../layer_charts.js';
import type { RunRecord } from '../run_record.js';

const tableRows = 12;

export function knowledge({ values }: RunRecord): Section | undefined {
  const { knowledge: found } = values;
  if (!found || found.groups.length === 0) return undefined;
  const { groups, calibration, dense, proxy, ratios, protectShare } = found;
  const guarded = groups.filter((g) => g.protected);
  const names = guarded.map(({ id }) => `\`${id}\``).join(', ');
  const shares = ratios.map((r) => percent(r, 0)).join(', ');
  const mattered =
    guarded.length === 1
      ? 'The group that mattered most is'
      : `The ${whole(guarded.length)} groups that mattered most are`;
  const head = [
    ...['rank', 'group', 'units', 'largest growth'],
    ...ratios.flatMap((r) => [`at ${percent(r, 0)}`, '±']),
  ];
  const rows = groups.map((g, i) => groupRow(found, g, i));
  const rest = groups.length - tableRows;
  return {
    id: 'knowledge',
    title: 'Where the knowledge sits',
    blocks: [
      text(
        `Each group was tried alone: its units of least \`${proxy}\` were taken out at ${shares}, and the loss measured on ${whole(calibration.sequences)} windows of ${whole(calibration.length)} tokens (untouched: ${digits(dense.loss)} nats per token). ` +
          (guarded.length === 0
            ? 'No group was protected.'
            : `${mattered} protected, as the first ${percent(protectShare, 0)} of the ranking: ${names}. Protected groups are touched last.`),
      ),
      map(found),
      table(head, rows.slice(0, tableRows)),
      ...(rest > 0 ? [folded(`All ${whole(groups.length)} groups, ranked`, head, rows)] : []),
      text(
        '● protected; ± is the standard error of the mean growth over batches of windows, each compared with itself.',
      ),
      ...pairs(found),
    ],
  };
}

type Group = KnowledgeArtefact['groups'][number];

const three = (n: number): string => digits(n, 3);

function groupRow({ ratios, dense }: KnowledgeArtefact, g: Group, index: number): Cell[] {
  return [
    ...[amount(index + 1, whole), `\`${g.id}\`${g.protected ? ' ●' : ''}`, amount(g.units, whole)],
    amount(g.deviation, three),
    ...ratios.flatMap((ratio) => {
      const trial = g.trials.find((t) => t.ratio === ratio);
      const growth = trial && trial.loss - dense.loss;
      return [amount(growth, three), amount(trial?.stderr, (n) => digits(n, 2))];
    }),
  ];
}

/** A row for each kind of group and ratio, the largest ratio on top of its kind. */
function map(found: KnowledgeArtefact): Block {
  const { groups, ratios, dense } = found;
  const kinds = [...new Set(groups.map(({ kind }) => kind))].sort();
  const rows = kinds.flatMap((kind) => ratios.map((ratio) => ({ kind, ratio })));
  const layers = layersOf(groups);
  const measured = groups.flatMap((group) =>
    group.trials.map(({ ratio, loss, ...rest }) => ({
      group,
      ratio,
      growth: loss - dense.loss,
      ...rest,
    })),
  );
  const highest = Math.max(1e-9, ...measured.map(({ growth }) => growth));
  const cells = measured.map(({ group, ratio, growth }): HeatCell => ({
    x: layers.indexOf(group.layer),
    y: rows.findIndex((row) => row.kind === group.kind && row.ratio === ratio),
    // The loss grows by orders of magnitude: the colour follows its square root.
    depth: Math.sqrt(Math.max(0, growth) / highest),
    label: digits(growth, 2),
    marked: group.protected,
  }));
  const top = groups.slice(0, 5).map((g) => `${g.id} ${three(g.deviation)}`);
  return layerMap(
    {
      title: 'Growth of the loss, nats per token, by layer (deeper: more; ● protected)',
      summary: `Largest growth: ${top.join(', ')}`,
      data: {
        head: ['group', 'removed, share', 'units', 'growth', '±', 'KL to dense', 'KL ±'],
        rows: measured.map(({ group, ratio, growth, removed, stderr, kl, klStderr }) => [
          ...[`\`${group.id}\``, amount(ratio, (r) => percent(r, 0)), amount(removed, whole)],
          ...[growth, stderr, kl, klStderr].map((n) => amount(n, three)),
        ]),
      },
    },
    { layers, rows: rows.map((r) => `${percent(r.ratio, 0)} of ${kindName(r.kind)}`), cells },
  );
}

/** Two groups taken out together. */
function pairs({ pairs: found = [] }: KnowledgeArtefact): Block[] {
  if (found.length === 0) return [];
  return [
    text(
      '**Pairs**: two groups taken out together. Interaction is how much more the loss grows than with both alone: above zero one made up for the other, below zero what they do is in part the same.',
    ),
    table(
      ['group', 'and', 'units', 'and', 'growth together', 'interaction'],
      found.map(({ groups, removed, together, interaction }) => [
        ...groups.map((id) => `\`${id}\``),
        ...removed.map((n) => amount(n, whole)),
        ...[amount(together, three), amount(interaction, three)],
      ]),
    ),
  ];
}
