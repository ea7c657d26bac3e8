// What was checked before anything was called a result.
import { amount, type Section, table } from '../document.js';
import { digits } from '../format.js';
import type { RunRecord } from '../run_record.js';

const three = (n: number) => amount(n, (value) => digits(value, 3));

export function proof({ values }: RunRecord): Section | undefined {
  const periods = (values.lhspg?.periods ?? []).flatMap(({ equality }) => equality ?? []);
  const worst = periods.sort(
    (a, b) => b.maxAbsDifference / b.tolerance - a.maxAbsDifference / a.tolerance,
  )[0];
  const checks = [
    ['the running model without its zeros against the one with them, worst of the periods', worst],
    ['the cut model against the one with zeros', values.compress?.equality],
    ['the saved folder, loaded again, against the model in memory', values.export?.equality],
  ] as const;
  const rows = checks.flatMap(([name, equality]) => {
    if (!equality) return [];
    const { maxAbsDifference, logitScale, tolerance } = equality;
    const verdict = maxAbsDifference <= tolerance ? 'equal' : 'NOT EQUAL';
    return [[name, ...[maxAbsDifference, logitScale, tolerance].map(three), verdict]];
  });
  if (rows.length === 0) return undefined;
  const head = ['logits compared', 'largest difference', 'largest logit', 'allowed', ''];
  return { id: 'proof', title: 'Checks', blocks: [table(head, rows)] };
}
