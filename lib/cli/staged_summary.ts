// What `analyze`, `prune` and `export` print at their end.
import pc from 'picocolors';
import type { BudgetArtefact, ExportArtefact } from '../artefacts.js';
import { digits, percent, whole } from '../report/format.js';
import type { AnalysisSummary, PruneSummary } from '../run.js';
import { columns } from './summary.js';

/** Groups that are listed. */
const shown = 12;

/** The groups that hold most, and what the budget takes from them. */
export function analysisText({ output, knowledge, budget }: AnalysisSummary): string {
  const { ratios, dense, groups } = knowledge;
  const rows = groups.slice(0, shown).map((group) => [
    `${group.id}${group.protected ? ' ●' : ''}`,
    ...ratios.map((ratio) => {
      const trial = group.trials.find((t) => t.ratio === ratio);
      return trial ? `+${digits(trial.loss - dense.loss)} ± ${digits(trial.stderr)}` : '–';
    }),
    `${whole(budget.counts[group.id] ?? 0)} of ${whole(group.units)}`,
  ]);
  const head = ['group', ...ratios.map((ratio) => `loss without ${percent(ratio, 0)}`), 'budget'];
  const [first = '', ...lines] = columns([head, ...rows]);
  const rest = groups.length - rows.length;
  return [
    '',
    pc.bold(first),
    ...lines,
    ...(rest > 0 ? [`and ${rest} more, in ${output}/knowledge.json`] : []),
    '',
    `dense loss  ${digits(dense.loss)} nats per token (perplexity ${digits(dense.perplexity)})`,
    ...budgetLines(budget),
    `go on with  lorashear-native prune ${output}`,
    '',
  ].join('\n');
}

export function pruneText({ output, model, cut, budget, export: exported }: PruneSummary): string {
  const { before, after } = cut;
  return [
    '',
    ...budgetLines(budget),
    `parameters  ${whole(before.parameters)} → ${whole(after.parameters)} (${percent(cut.ratio)} removed)`,
    ...exportLines(exported),
    `model       ${pc.bold(model)}`,
    `go on with  lorashear-native recover ${output}`,
    '',
  ].join('\n');
}

/** What an export came to. */
export function exportText(exported: ExportArtefact): string {
  return ['', ...exportLines(exported), `model       ${pc.bold(exported.dir)}`, ''].join('\n');
}

function exportLines({
  form = 'uniform',
  modelType,
  reason,
  parameters,
  waste,
}: ExportArtefact): string[] {
  const zeros = waste ? `, of which ${whole(waste.parameters)} are zeros that only fill` : '';
  return [
    `export      ${form}, as ${modelType}: ${whole(parameters)} parameters${zeros}`,
    ...(reason === undefined ? [] : [`            ${reason}`]),
  ];
}

function budgetLines({ rule, measure, achieved, touched }: BudgetArtefact): string[] {
  const spared = touched.length > 0 ? `; ${touched.length} protected groups give way last` : '';
  return [`budget      ${percent(achieved)} of ${measure}, allocation ${rule}${spared}`];
}
