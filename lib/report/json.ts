// The report as data: the same document, numbers as numbers and drawings as the tables they are drawn from (docs/report.md).
import type { Block, Cell, ReportDocument, TableData } from './document.js';

/** Grows when a reader of an older report.json would misread a newer one. */
export const reportFormat = 1;

interface JsonTable {
  columns: readonly string[];
  /** Numbers are not rounded; null where there is none. */
  rows: (string | number | null)[][];
}

export type JsonBlock =
  | { kind: 'text'; text: string }
  | ({ kind: 'table'; title: string | null } & JsonTable)
  | ({ kind: 'chart'; title: string; summary: string } & JsonTable)
  | { kind: 'code'; language: string; text: string };

/** The value of report.json. */
export interface JsonReport {
  format: typeof reportFormat;
  title: string;
  subtitle: string;
  /** Stages without which the run has not ended. */
  missing: readonly string[];
  headlines: { label: string; value: number | null; shown: string; note: string }[];
  sections: { id: string; title: string; blocks: JsonBlock[] }[];
}

export function toJson({
  title,
  subtitle,
  missing,
  headlines,
  sections,
}: ReportDocument): JsonReport {
  return {
    ...{ format: reportFormat, title, subtitle, missing },
    headlines: headlines.map(({ label, value, note }) => ({ label, ...value, note })),
    sections: sections.map((section) => ({
      ...{ id: section.id, title: section.title },
      blocks: section.blocks.map(blockOf),
    })),
  };
}

function blockOf(block: Block): JsonBlock {
  switch (block.kind) {
    case 'text':
      return { kind: 'text', text: block.text };
    case 'code':
      return { kind: 'code', language: block.language, text: block.text };
    case 'table':
      return { kind: 'table', title: block.folded ?? null, ...tableOf(block) };
    case 'chart': {
      const { kind, title, summary, data } = block;
      return { kind, title, summary, ...tableOf(data) };
    }
  }
}

const tableOf = ({ head, rows }: TableData): JsonTable => ({
  columns: head,
  rows: rows.map((row) => row.map(plain)),
});

const plain = (cell: Cell): string | number | null =>
  typeof cell === 'string' ? cell : cell.value;
