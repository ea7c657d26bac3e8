// What was checked before anything was called a result.
import { type Section, table } from '../document.js';
import { digits } from '../format.js';
import type { RunRecord } from '../run_record.js';

export function proof({ values }: RunRecord): Section | undefined {
  const checks = [
    ['the cut model against the one with zeros', values.compress?.equality],
    ['the saved folder, loaded again, against the model in memory', values.export?.equality],
  ] as const;
  const rows = checks.flatMap(([name, equality]) => {
    if (!equality) return [];
    const { maxAbsDifference, logitScale, tolerance } = equality;
    const verdict = maxAbsDifference <= tolerance ? 'equal' : 'NOT EQUAL';
    return [
      [name, digits(maxAbsDifference, 3), digits(logitScale, 3), digits(tolerance, 3), verdict],
    ];
  });
  if (rows.length === 0) return undefined;
  const head = ['logits compared', 'largest difference', 'largest logit', 'allowed', ''];
  return { id: 'proof', title: 'Checks', blocks: [table(head, rows)] };
}
