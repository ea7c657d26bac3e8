// The knowledge map: how much the loss grows when a share of a group's units is taken out (paper Alg. 3, Fig. 4).
import type { KnowledgeArtefact } from '../../artefacts.js';
import { axisStyle, draw, grid, ink } from '../chart.js';
import { type Section, table, text } from '../document.js';
import { digits, percent } from '../format.js';
import type { RunRecord } from '../run_record.js';

const tableRows = 12;

export function knowledge({ values }: RunRecord): Section | undefined {
  const { knowledge: found } = values;
  if (!found || found.groups.length === 0) return undefined;
  const { groups, calibration, dense } = found;
  const guarded = groups.filter((g) => g.protected);
  const names = guarded.map(({ id }) => `\`${id}\``).join(', ');
  const shown = groups.slice(0, tableRows);
  const rest = groups.length - shown.length;
  return {
    id: 'knowledge',
    title: 'Where the knowledge sits',
    blocks: [
      text(
        `Each group was tried alone: its units of least \`${found.proxy}\` were taken out at ${found.ratios
          .map((r) => percent(r, 0))
          .join(
            ', ',
          )}, and the loss measured on ${calibration.sequences} windows of ${calibration.length} tokens (untouched: ${digits(dense.loss)} nats per token). ` +
          (guarded.length === 0
            ? 'No group was protected.'
            : `The ${guarded.length === 1 ? 'group that mattered most is' : `${guarded.length} groups that mattered most are`} protected: ${names}. Protected groups are touched last.`),
      ),
      {
        kind: 'chart',
        title: 'Growth of the loss, nats per token, by layer (● protected)',
        svg: draw(mapChart(found), 70 + 34 * rowsOf(found).length),
        summary: groups.map((g) => `${g.id} ${digits(g.deviation, 3)}`).join(', '),
      },
      table(
        ['group', 'units', 'largest growth', ...found.ratios.map((r) => `at ${percent(r, 0)}`), ''],
        shown.map((g) => [
          `\`${g.id}\``,
          String(g.units),
          digits(g.deviation, 3),
          ...found.ratios.map((r) => growth(g, r, dense.loss)),
          g.protected ? 'protected' : '',
        ]),
      ),
      ...(rest > 0
        ? [text(`… and ${rest} more groups with smaller growth, in \`knowledge.json\`.`)]
        : []),
    ],
  };
}

type Group = KnowledgeArtefact['groups'][number];

function growth(group: Group, ratio: number, dense: number): string {
  const trial = group.trials.find((t) => t.ratio === ratio);
  return trial ? digits(trial.loss - dense, 3) : '–';
}

const kindNames: Readonly<Record<string, string>> = {
  attention_heads: 'heads',
  mlp_channels: 'channels',
};

interface MapRow {
  kind: string;
  ratio: number;
  label: string;
}

/** One row for each kind of group and ratio, the largest ratio on top of its kind. */
function rowsOf({ groups, ratios }: KnowledgeArtefact): MapRow[] {
  const kinds = [...new Set(groups.map(({ kind }) => kind))].sort();
  return kinds.flatMap((kind) =>
    ratios.map((ratio) => ({
      kind,
      ratio,
      label: `${percent(ratio, 0)} of ${kindNames[kind] ?? kind}`,
    })),
  );
}

function mapChart(found: KnowledgeArtefact) {
  const rows = rowsOf(found);
  const layers = [...new Set(found.groups.map(({ layer }) => layer))].sort(
    (a, b) => (a ?? Infinity) - (b ?? Infinity),
  );
  const cells = rows.flatMap(({ kind, ratio }, y) =>
    layers.flatMap((layer, x) => {
      const group = found.groups.find((g) => g.kind === kind && g.layer === layer);
      const trial = group?.trials.find((t) => t.ratio === ratio);
      if (!group || !trial) return [];
      return [{ x, y, value: trial.loss - found.dense.loss, guarded: group.protected }];
    }),
  );
  const few = layers.length <= 16;
  const highest = Math.max(1e-9, ...cells.map(({ value }) => value));
  // The loss grows by orders of magnitude: the colour follows its square root.
  const depth = (value: number) => Math.sqrt(Math.max(0, value) / highest);
  return {
    grid: grid({ right: 8, top: 8, bottom: 30 }),
    xAxis: {
      type: 'category',
      data: layers.map((layer) => (layer === null ? 'all' : String(layer))),
      name: 'layer',
      nameLocation: 'middle',
      nameGap: 28,
      ...axisStyle,
      splitLine: { show: false },
    },
    yAxis: {
      type: 'category',
      data: rows.map(({ label }) => label),
      ...axisStyle,
      splitLine: { show: false },
    },
    visualMap: {
      show: false,
      min: 0,
      max: 1,
      dimension: 2,
      inRange: { color: ['#e2ecf5', '#7fb0d8', '#184e77'] },
    },
    series: [
      {
        type: 'heatmap',
        data: cells.map(({ x, y, value, guarded }) => ({
          value: [x, y, depth(value)],
          itemStyle: { borderColor: ink, borderWidth: guarded ? 1.5 : 0 },
          label: {
            show: few || guarded,
            color: depth(value) > 0.6 ? '#ffffff' : '#1d2733',
            fontSize: 12,
            formatter: `${few ? digits(value, 2) : ''}${guarded ? ' ●' : ''}`,
          },
        })),
      },
    ],
  };
}
