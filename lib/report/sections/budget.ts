// How much every group loses: what was asked, what was allowed, what bound, and what each layer keeps (docs/budget.md).
import type { BudgetArtefact, PartitionArtefact } from '../../artefacts.js';
import type { Job } from '../../config/job.js';
import { amount, type Block, type Cell, folded, type Section, table, text } from '../document.js';
import { percent, whole } from '../format.js';
import { keptBars, kindName, layerName, layersOf } from '../layer_charts.js';
import type { RunRecord } from '../run_record.js';

type Group = PartitionArtefact['groups'][number];

const rules: Readonly<Record<BudgetArtefact['rule'], string>> = {
  layer: 'every layer loses as many units of each kind, which stock engines load',
  global: 'what does least damage for what it saves goes, wherever it is',
  kind: 'what does least damage goes, and every kind loses the same share of what it holds',
};

const measures: Readonly<Record<string, string>> = {
  parameters: 'parameters',
  macs: 'multiply-accumulates',
  kv: 'key-value cache',
  memory: 'memory in use',
};

export function budget({ values, manifest: { job } }: RunRecord): Section | undefined {
  const { budget: found, partition } = values;
  if (!found || !partition) return undefined;
  const open = partition.groups.filter(({ prunable }) => prunable);
  const measure = measures[found.measure] ?? found.measure;
  const blocks: Block[] = [
    text(
      `Asked: ${percent(found.ratio)} of the ${measure}. Found: **${percent(found.achieved, 2)}**, by the rule \`${found.rule}\`: ${rules[found.rule]}. ${importanceOf(found)}`,
    ),
    table(['bound', 'set to', 'where it held'], boundRows(found, job, open)),
    ...keptBlocks(open, found),
    ...spared(partition),
  ];
  return { id: 'budget', title: 'What was cut, and what bound', blocks };
}

function importanceOf({ importance }: BudgetArtefact): string {
  if (importance === null) return 'Which units went is LHSPG’s choice inside each group.';
  const from = importance === 'knowledge' ? 'the knowledge map' : 'the scores of its units';
  return `How much each group loses follows ${from}.`;
}

/** What limits the choice, and how many groups stand at each limit. */
function boundRows(found: BudgetArtefact, { cut, export: out }: Job, open: readonly Group[]) {
  const kept = (g: Group): number => g.units - (found.counts[g.id] ?? 0);
  const floorOf = (g: Group): number => Math.max(1, Math.ceil(cut.floor * g.units));
  const list = (names: readonly string[]): string =>
    names.length === 0 ? 'nowhere' : some(names.map((n) => `\`${n}\``));
  const rows: Cell[][] = [
    [
      'floor: share of a group that stays',
      amount(cut.floor, (n) => percent(n, 0)),
      list(open.filter((g) => kept(g) <= floorOf(g)).map(({ id }) => id)),
    ],
    [
      'protection of groups that hold most',
      `${whole(found.protected.length)} group${found.protected.length === 1 ? '' : 's'}`,
      protectedText(found, list),
    ],
    [
      'rounding of channels',
      cut.roundChannelsTo === 1 ? 'none' : `multiples of ${whole(cut.roundChannelsTo)}`,
      cut.roundChannelsTo === 1 ? 'nowhere' : 'every layer of channels',
    ],
    [
      'kv heads of each layer',
      cut.kvHeads === 'auto' ? 'chosen' : `${whole(cut.kvHeads)} removed`,
      cut.kvHeads === 'auto' ? 'nowhere' : 'every layer of attention',
    ],
    ['engines that must load it', cut.engines.join(', ') || 'none named', engineText(cut.engines)],
    [
      'form of the export',
      `\`${out.form}\``,
      out.form === 'uniform' ? 'one number of heads and channels for all layers' : 'nowhere',
    ],
  ];
  return rows;
}

const engineText = (engines: readonly string[]): string =>
  engines.length === 0 ? 'nowhere' : 'sizes that they refuse were passed over';

function protectedText(
  { protected: guarded, touched }: BudgetArtefact,
  list: (names: readonly string[]) => string,
): string {
  const spared = guarded.filter((id) => !touched.includes(id));
  const lost = `${list(touched)} ${touched.length === 1 ? 'loses' : 'lose'} units all the same, as the last`;
  if (guarded.length === 0) return 'nowhere';
  if (touched.length === 0) return `${list(spared)}: nothing lost`;
  return spared.length === 0 ? lost : `${list(spared)}: nothing lost; ${lost}`;
}

/** The first names, and how many more. */
export function some(names: readonly string[], most = 6): string {
  const rest = names.length - most;
  return rest <= 1 ? names.join(', ') : `${names.slice(0, most).join(', ')} and ${rest} more`;
}

function keptBlocks(open: readonly Group[], { counts }: BudgetArtefact): Block[] {
  const layered = open.filter(({ layer }) => layer !== null);
  const whole_ = open.filter(({ layer }) => layer === null);
  const layers = layersOf(layered);
  const kinds = [...new Set(layered.map(({ kind }) => kind))].map((kind) => {
    const of = (layer: number | null) =>
      layered.filter((g) => g.kind === kind && g.layer === layer);
    const sum = (layer: number | null, count: (g: Group) => number): number =>
      of(layer).reduce((total, g) => total + count(g), 0);
    return {
      kind,
      units: layers.map((layer) => sum(layer, (g) => g.units)),
      removed: layers.map((layer) => sum(layer, ({ id }) => counts[id] ?? 0)),
    };
  });
  const rows = layers.flatMap((layer, l) =>
    kinds.flatMap(({ kind, units, removed }): Cell[][] => {
      const [n = 0, gone = 0] = [units[l], removed[l]];
      if (n === 0) return [];
      const share = amount(gone / n, percent);
      return [
        [
          ...[amount(layer, layerName), kindName(kind)],
          ...[n, n - gone, gone].map((v) => amount(v, whole)),
          share,
        ],
      ];
    }),
  );
  const summary = kinds.map(({ kind, units, removed }) => {
    const left = units.map((n, l) => n - (removed[l] ?? 0));
    const [least, most] = [Math.min(...left), Math.max(...left)];
    const all = `${whole(Math.max(...units))} ${kindName(kind)}`;
    return least === most
      ? `every layer keeps ${whole(least)} of ${all}`
      : `layers keep ${whole(least)} to ${whole(most)} of ${all}`;
  });
  const data = { head: ['layer', 'unit', 'whole', 'kept', 'removed', 'share removed'], rows };
  const about = { title: 'What each layer keeps', summary: summary.join('; '), data };
  return [
    ...(kinds.length === 0 ? [] : [keptBars(about, layers, kinds)]),
    ...(whole_.length === 0
      ? []
      : [
          table(
            ['of the whole model', 'units', 'kept'],
            whole_.map((g) => [
              ...[kindName(g.kind), amount(g.units, whole)],
              amount(g.units - (counts[g.id] ?? 0), whole),
            ]),
          ),
        ]),
  ];
}

/** Groups that nothing may cut, by reason. */
function spared({ groups }: PartitionArtefact): Block[] {
  const closed = groups.filter(({ prunable, kind }) => !prunable && kind !== 'lora_rank');
  const reasons = new Map<string, Group[]>();
  for (const group of closed) {
    const reason = group.reason ?? 'not said';
    reasons.set(reason, [...(reasons.get(reason) ?? []), group]);
  }
  if (reasons.size === 0) return [];
  return [
    folded(
      'What may not be cut, and why',
      ['why', 'groups', 'which'],
      [...reasons].map(([reason, own]) => [
        ...[reason, amount(own.length, whole)],
        some(own.map(({ id }) => `\`${id}\``)),
      ]),
    ),
  ];
}
