// What a report consists of, whatever it is written in: sections of text, tables, charts and code.

/** A number with how it is written; null and `–` where there is none. */
export interface Quantity {
  readonly value: number | null;
  readonly shown: string;
}

export type Cell = string | Quantity;

export interface TableData {
  readonly head: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

export type Block =
  /** Plain text; `code` spans between backticks and **bold** are the only marks. */
  | { kind: 'text'; text: string }
  /** `folded`: its title, behind which it is put away on a page; Markdown leaves such tables out. */
  | ({ kind: 'table'; folded?: string } & TableData)
  /** `summary` says in words what the drawing shows, `data` in numbers. */
  | { kind: 'chart'; title: string; summary: string; data: TableData; wide: string; narrow: string }
  | { kind: 'code'; language: string; text: string };

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly blocks: readonly Block[];
}

/** A number that the reader should see first. */
export interface Headline {
  readonly label: string;
  readonly value: Quantity;
  readonly note: string;
}

export interface ReportDocument {
  readonly title: string;
  readonly subtitle: string;
  readonly headlines: readonly Headline[];
  /** Stages that the job asks for and that have not ended. */
  readonly missing: readonly string[];
  /** Shown above all: what is missing or wrong. */
  readonly notice: string | undefined;
  readonly sections: readonly Section[];
  /** The last line of a page; without it: that it was made from a run's artefacts. */
  readonly footer?: string;
}

/** `value` as `show` writes it. */
export function amount(value: number | null | undefined, show: (n: number) => string): Quantity {
  const known = value !== null && value !== undefined && Number.isFinite(value);
  return known ? { value, shown: show(value) } : { value: null, shown: '–' };
}

export const shown = (cell: Cell): string => (typeof cell === 'string' ? cell : cell.shown);

export const text = (value: string): Block => ({ kind: 'text', text: value });

export const table = (head: readonly string[], rows: readonly (readonly Cell[])[]): Block => ({
  kind: 'table',
  head,
  rows,
});

/** A table that a page keeps put away behind `title`. */
export const folded = (
  title: string,
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
): Block => ({ kind: 'table', folded: title, head, rows });
