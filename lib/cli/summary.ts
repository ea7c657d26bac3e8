// What a run prints at its end: what it cost, what came back, and where things lie.
import pc from 'picocolors';
import { change, digits, percent, whole } from '../report/format.js';
import type { RunSummary } from '../run.js';

/** Perplexity dense, cut and recovered for each source; sizes; paths. */
export function summaryText(summary: RunSummary): string {
  const { dense, pruned, recovered, cut, model, report } = summary;
  const { before, after } = cut;
  const perplexityOf = (e: RunSummary['dense'], source: string) =>
    e.perplexity.find((row) => row.source === source)?.perplexity ?? NaN;
  const row = (name: string, [a, b, c]: [number, number, number]) => [
    name,
    ...[a, b, c].map((value) => digits(value)),
    change(a, c),
  ];
  const table = columns([
    ['perplexity', 'dense', 'cut', 'recovered', ''],
    ...dense.perplexity.map(({ source }) =>
      row(source, [
        perplexityOf(dense, source),
        perplexityOf(pruned, source),
        perplexityOf(recovered, source),
      ]),
    ),
    row('geometric mean', [dense.geometricMean, pruned.geometricMean, recovered.geometricMean]),
  ]);
  const [head = '', ...rows] = table;
  return [
    '',
    pc.bold(head),
    ...rows,
    '',
    `parameters  ${whole(before.parameters)} → ${whole(after.parameters)} (${percent(1 - after.parameters / before.parameters)} removed)`,
    `model       ${pc.bold(model)}`,
    `report      ${pc.bold(report)}`,
    '',
  ].join('\n');
}

/** Cells padded to their column; all but the first stand right. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, c) => Math.max(...rows.map((row) => row[c]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, c) => (c === 0 ? cell.padEnd(widths[c] ?? 0) : cell.padStart(widths[c] ?? 0)))
      .join('   ')
      .trimEnd(),
  );
}
