// Accuracy on the evaluation tasks, dense, cut and recovered, as lm-eval counts it.
import { amount, type Cell, type Section, table, text } from '../document.js';
import { whole } from '../format.js';
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
        ...found.flatMap((e) => accuracy(e.tasks[task] ?? {}, key)),
        amount(first.samples[task], whole),
      ]),
  );
  return {
    id: 'tasks',
    title: 'Tasks',
    blocks: [
      table(['task', 'metric', ...found.flatMap(({ model }) => [model, '']), 'documents'], rows),
      text("Zero-shot, with lm-eval's prompts and metrics; ± is one standard error."),
    ],
  };
}

/** The value and its standard error. */
function accuracy(metrics: Readonly<Record<string, number>>, key: string): Cell[] {
  const error = metrics[key.replace(/^(acc(_norm)?),/, '$1_stderr,')];
  const show = (n: number): string => `${(100 * n).toFixed(1)}\u00a0%`;
  return [amount(metrics[key], show), amount(error, (n) => `±\u00a0${show(n)}`)];
}
