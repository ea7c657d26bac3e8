// The record of the sample run, whole or stopped, and what a section says by kind of block.
import type { Test } from 'tap';
import type { StageArtefacts } from '../../lib/artefacts.js';
import { type Block, type Section, shown } from '../../lib/report/document.js';
import { type RunRecord, readRun } from '../../lib/report/run_record.js';
import { writeSampleRun } from '../fixtures/run_artefacts.js';

export type Values = { -readonly [Stage in keyof StageArtefacts]?: StageArtefacts[Stage] };

/** `change` may alter the values of the stages; they are this record's own. */
export function sampleRecord(
  t: Test,
  change: (values: Values) => void = () => undefined,
): RunRecord {
  const dir = t.testdir({});
  writeSampleRun(dir);
  const record = readRun(dir);
  change(record.values);
  return record;
}

/** The record with these stages only. */
export const only = (record: RunRecord, ...stages: (keyof StageArtefacts)[]): RunRecord => ({
  ...record,
  values: Object.fromEntries(stages.map((stage) => [stage, record.values[stage]])),
});

type Of<Kind extends Block['kind']> = Extract<Block, { kind: Kind }>;

/** The blocks of one kind, in order. */
export const blocks = <Kind extends Block['kind']>(
  section: Section | undefined,
  kind: Kind,
): Of<Kind>[] => section?.blocks.filter((block): block is Of<Kind> => block.kind === kind) ?? [];

/** The tables in order, as they are read; those that a page keeps put away are `folded`. */
export const tables = (section: Section | undefined, folded = false) =>
  blocks(section, 'table')
    .filter((block) => (block.folded !== undefined) === folded)
    .map(({ head, rows }) => ({ head, rows: rows.map((row) => row.map(shown)) }));

/** The numbers behind a chart, as they are read. */
export const numbers = (block: Of<'chart'> | undefined) =>
  block?.data.rows.map((row) => row.map(shown));

export const texts = (section: Section | undefined): string[] =>
  blocks(section, 'text').map(({ text }) => text);

/** What is written in a drawing, in order. */
export const labels = (svg: string): string[] =>
  Array.from(svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g), ([, label = '']) => label);
