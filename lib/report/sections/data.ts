// What was read of each source, and how many documents were left out because they came before.
import { amount, type Cell, type Section, table, text } from '../document.js';
import { percent, whole } from '../format.js';
import type { RunRecord } from '../run_record.js';

export function data({ values: { load }, manifest: { job } }: RunRecord): Section | undefined {
  if (!load) return undefined;
  const rows = Object.entries(load).map(
    ([name, { documents, tokens, duplicates = null }]): Cell[] => {
      const [source = name, split = ''] = name.split('/');
      const share = duplicates === null ? null : duplicates / Math.max(1, documents + duplicates);
      return [
        ...[source, split, amount(documents, whole), amount(tokens, whole)],
        ...[amount(duplicates, whole), amount(share, percent)],
      ];
    },
  );
  return {
    id: 'data',
    title: 'What was read',
    blocks: [
      table(
        ['source', 'split', 'documents', 'tokens', 'duplicates left out', 'share of all'],
        rows,
      ),
      text(
        job.deduplicate
          ? 'A duplicate is a document whose words came before: validation splits first, each in the order of the sources, so that nothing is trained on that is validated on.'
          : 'Duplicates were not looked for (`deduplicate: false`).',
      ),
    ],
  };
}
