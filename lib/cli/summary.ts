// What a run prints at its end: what it cost, what came back, and where things lie.
import pc from 'picocolors';
import type { EvaluationArtefact, RecoveryArtefact } from '../artefacts.js';
import { change, digits, percent, whole } from '../report/format.js';
import { takenBack } from '../report/taken_back.js';
import type { RunSummary } from '../run.js';

/** Perplexity dense, cut and recovered for each source and named protocol; recovery; sizes; paths. */
export function summaryText(summary: RunSummary): string {
  const { dense, pruned, recovered, cut, recovery, model, report } = summary;
  const { before, after } = cut;
  const all = [dense, pruned, recovered];
  const row = (name: string, of: (e: EvaluationArtefact) => number | undefined) => {
    const [a, b, c] = all.map((e) => of(e) ?? NaN) as [number, number, number];
    const back = takenBack(Math.log(a), Math.log(b), Math.log(c));
    const share = back === null ? '–' : percent(back, 0);
    return [name, ...[a, b, c].map((value) => digits(value)), change(a, c), share];
  };
  const table = columns([
    ['perplexity', 'dense', 'cut', 'recovered', '', 'taken back'],
    ...dense.perplexity.map(({ source }) =>
      row(source, (e) => e.perplexity.find((own) => own.source === source)?.perplexity),
    ),
    row('geometric mean', ({ geometricMean }) => geometricMean),
    ...(dense.texts ?? []).map(({ name, headline }) =>
      row(name, (e) => e.texts?.find((own) => own.name === name)?.metrics[headline]),
    ),
  ]);
  const [head = '', ...rows] = table;
  return [
    '',
    pc.bold(head),
    ...rows,
    '',
    ...recovery.map(recoveryLine),
    `parameters  ${whole(before.parameters)} → ${whole(after.parameters)} (${percent(1 - after.parameters / before.parameters)} removed)`,
    `model       ${pc.bold(model)}`,
    `report      ${pc.bold(report)}`,
    '',
  ].join('\n');
}

/** How a stage ended, and which of its states was kept. */
function recoveryLine(stage: RecoveryArtefact): string {
  const { rounds, bestRound, tokens, stopReason, rollbacks = [] } = stage;
  const kept = bestRound < 0 ? 'kept the state before it' : `kept round ${bestRound + 1}`;
  return [
    `recovery    on ${stage.stage === 'pretraining' ? 'text' : 'instructions'}: ${whole(tokens)} tokens in ${rounds.length} rounds`,
    stopReason,
    kept,
    ...rollbacks.map(({ step, backTo }) => `taken back from step ${step} to ${backTo}`),
  ].join(', ');
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
