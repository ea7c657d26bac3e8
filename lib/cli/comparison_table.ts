// What `evaluate --against` prints: two models in one table, task by task and text by text.
import type { ComparedAccuracy, ComparedPerplexity, Comparison } from '../evaluate/compare.js';
import { percent } from '../report/format.js';
import { columns } from './summary.js';

/** Both folders, then one line for each metric, the means over tasks, and each perplexity. */
export function comparisonText({ model, against, tasks, means, perplexity }: Comparison): string {
  const head = ['', 'metric', 'model', 'against', 'difference', '', 'kept', 'above chance', ''];
  const rows = [...tasks.map(accuracyRow), ...means.map(accuracyRow), ...perplexity.map(textRow)];
  return [
    `model    ${model}`,
    `against  ${against}`,
    '',
    ...columns([head, ...rows]),
    ...notes(tasks, perplexity),
    '',
  ].join('\n');
}

const signed = (n: number): string => `${n < 0 ? '−' : '+'}${Math.abs(n).toFixed(4)}`;
const spread = (n: number | null): string => (n === null ? '' : `± ${n.toFixed(4)}`);
const share = (n: number | null): string => (n === null ? '–' : percent(n));

function accuracyRow(row: ComparedAccuracy): string[] {
  return [
    ...[row.task, row.metric, row.model.toFixed(4), row.against.toFixed(4)],
    ...[signed(row.difference), spread(row.stderr), share(row.kept), share(row.keptAboveChance)],
    `${row.documents} documents`,
  ];
}

function textRow(row: ComparedPerplexity): string[] {
  const { name, metric, model, against, difference, stderr, paired } = row;
  return [
    ...[name, metric, model.toFixed(4), against.toFixed(4)],
    ...(difference === null ? ['–', ''] : [signed(difference), spread(stderr)]),
    ...['', '', paired ? '' : 'other tokens'],
  ];
}

function notes(tasks: readonly ComparedAccuracy[], texts: readonly ComparedPerplexity[]): string[] {
  return [
    '',
    ...(tasks.length > 0
      ? ['± is one standard error of the difference over documents, each asked of both.']
      : []),
    ...(texts.length > 0
      ? ['Differences of perplexities are of their logarithms: nats per token, or per word.']
      : []),
  ];
}
