// Accuracy on the evaluation tasks, dense, cut and recovered, as lm-eval counts it.
import { type Section, table, text } from '../document.js';
import type { RunRecord } from '../run_record.js';
import { evaluations } from './outcome.js';

export function tasks(record: RunRecord): Section | undefined {
  const found = evaluations(record).filter((e) => Object.keys(e.tasks).length > 0);
  const [first] = found;
  if (!first) return undefined;
  const rows = Object.entries(first.tasks).flatMap(([task, metrics]) =>
    Object.keys(metrics)
      .filter((key) => /^acc(_norm)?,/.test(key))
      .map((key) => [
        task,
        key.replace(',none', ''),
        ...found.map((e) => accuracy(e.tasks[task] ?? {}, key)),
        String(first.samples[task] ?? '–'),
      ]),
  );
  return {
    id: 'tasks',
    title: 'Tasks',
    blocks: [
      table(['task', 'metric', ...found.map(({ model }) => model), 'documents'], rows),
      text("Zero-shot, with lm-eval's prompts and metrics; ± is one standard error."),
    ],
  };
}

function accuracy(metrics: Readonly<Record<string, number>>, key: string): string {
  const value = metrics[key];
  if (value === undefined) return '–';
  const error = metrics[key.replace(/^(acc(_norm)?),/, '$1_stderr,')];
  const shown = (100 * value).toFixed(1);
  return error === undefined ? `${shown} %` : `${shown} ± ${(100 * error).toFixed(1)} %`;
}
