// What a multiple-choice task is: where its documents lie, how a document becomes questions, what is counted.
import { z } from 'zod';
import { LoraShearError } from '../errors.js';
import type { HubSplit } from './hub_cache.js';

/** `acc`: largest log-likelihood; `acc_norm`: largest per character of the answer. */
export type Metric = 'acc' | 'acc_norm';

/** One document as read: columns by name. */
export type Row = Readonly<Record<string, unknown>>;

/** One document as the model meets it. */
export interface Question {
  /** The document as it is logged: the row, with what the task derived from it. */
  readonly doc: Row;
  /** Context and answer, one pair for each choice; the answer without the space before it. */
  readonly pairs: readonly (readonly [context: string, answer: string])[];
  /** What the model chooses from; `acc_norm` divides by their lengths. */
  readonly choices: readonly string[];
  /** Index of the right choice. */
  readonly gold: number;
  /** lm-eval's `target` column. */
  readonly target: string;
}

/** One file in lib/evaluate, one line in the registry. */
export interface Task {
  /** lm-eval's version of the same task. */
  readonly version: number;
  readonly dataset: HubSplit;
  readonly metrics: readonly Metric[];
  /** lm-eval's templates, for the `configs` block of a result. */
  readonly templates: {
    readonly doc_to_text: string;
    readonly doc_to_target: string;
    readonly doc_to_choice: string | readonly string[];
  };
  /** @throws LoraShearError `DATA_INVALID` when the row is not what the dataset's schema says */
  question(row: Row): Question;
}

/** Every choice after one context: all tasks but WinoGrande. */
export function afterOneContext(
  doc: Row,
  context: string,
  choices: readonly string[],
  gold: number,
): Question {
  const pairs = choices.map((choice) => [context, choice] as const);
  return { doc, pairs, choices, gold, target: String(gold) };
}

/**
 * The row with the columns that a task needs.
 * @throws LoraShearError `DATA_INVALID` naming the column
 */
export function columns<S extends z.ZodType>(schema: S, row: Row): z.infer<S> {
  const parsed = schema.safeParse(row);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new LoraShearError(
    'DATA_INVALID',
    `column "${issue?.path.join('.') ?? ''}": ${issue?.message ?? 'not as expected'}`,
    { hint: 'the file is not this dataset; download it again', facts: { row } },
  );
}

/**
 * Index of `key` among the labels of a row's choices.
 * @throws LoraShearError `DATA_INVALID` when no choice has this label
 */
export function labelled(labels: readonly string[], key: string): number {
  const index = labels.indexOf(key);
  if (index >= 0) return index;
  throw new LoraShearError(
    'DATA_INVALID',
    `the answer "${key}" is none of the labels ${labels.join(', ')}`,
    { hint: 'the file is not this dataset; download it again' },
  );
}
