// What a report consists of, whatever it is written in: sections of text, tables, charts and code.

export type Block =
  /** Plain text; `code` spans between backticks and **bold** are the only marks. */
  | { kind: 'text'; text: string }
  | { kind: 'table'; head: readonly string[]; rows: readonly (readonly string[])[] }
  /** `summary` says in words what the drawing shows. */
  | { kind: 'chart'; title: string; svg: string; summary: string }
  | { kind: 'code'; language: string; text: string };

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly blocks: readonly Block[];
}

/** A number that the reader should see first. */
export interface Headline {
  readonly label: string;
  readonly value: string;
  readonly note: string;
}

export interface ReportDocument {
  readonly title: string;
  readonly subtitle: string;
  readonly headlines: readonly Headline[];
  /** Shown above all: what is missing or wrong. */
  readonly notice: string | undefined;
  readonly sections: readonly Section[];
}

export const text = (value: string): Block => ({ kind: 'text', text: value });

export const table = (head: readonly string[], rows: readonly (readonly string[])[]): Block => ({
  kind: 'table',
  head,
  rows,
});
