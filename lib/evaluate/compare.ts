// Two models on the same documents and texts: differences with their standard errors, and what is left of the accuracy.
import type { ScoredSequence } from './log_likelihood.js';
import type { Sample, TaskResult } from './multiple_choice.js';
import { statistics } from './perplexity.js';
import type { Metric } from './task.js';
import type { ScoredText, WindowScore } from './text_perplexity.js';

/** A metric of a task, or a mean over tasks. Accuracies are shares, differences `model − against`. */
export interface ComparedAccuracy {
  /** lm-eval's name; `mean` over all tasks. */
  task: string;
  /** `acc`, `acc_norm`; of a mean also `acc_norm or acc`: the first where a task has it. */
  metric: string;
  documents: number;
  model: number;
  against: number;
  difference: number;
  /** Of the difference, over documents, each asked of both; null for a single one. */
  stderr: number | null;
  /** Mean share of right answers by guessing. */
  chance: number;
  /** model / against; null where the reference has none right. */
  kept: number | null;
  /** (model − chance) / (against − chance); null where the reference is not above chance. */
  keptAboveChance: number | null;
}

/** A perplexity by its protocol's headline metric. */
export interface ComparedPerplexity {
  /** `gptq:wikitext2`. */
  name: string;
  metric: string;
  model: number;
  against: number;
  /** ln(model / against): nats for each token, or for each word where the metric is by words; null where they do not compare. */
  difference: number | null;
  /** Of the difference, over windows; null where there is one window only. */
  stderr: number | null;
  /** Whether both read the same windows, token by token. */
  paired: boolean;
}

export interface Comparison {
  model: string;
  against: string;
  tasks: ComparedAccuracy[];
  /** Means over the tasks; empty where there is one task only. */
  means: ComparedAccuracy[];
  perplexity: ComparedPerplexity[];
}

/** What a comparison is made of: tasks and texts in the same order for both models. */
export interface Outcomes {
  readonly model: string;
  readonly tasks: readonly Pick<TaskResult, 'task' | 'samples'>[];
  readonly texts: readonly (ScoredText & { readonly sequences: readonly ScoredSequence[] })[];
}

/** Both models must have been asked the same documents. */
export function compare(model: Outcomes, against: Outcomes): Comparison {
  const tasks = model.tasks.flatMap(({ task, samples }, i) =>
    metricsOf(samples).map((metric) =>
      accuracy(task, metric, samples, against.tasks[i]?.samples ?? []),
    ),
  );
  return {
    model: model.model,
    against: against.model,
    tasks,
    means: model.tasks.length > 1 ? means(tasks) : [],
    perplexity: model.texts.map((text, i) => perplexity(text, against.texts[i] as typeof text)),
  };
}

const metricsOf = (samples: readonly Sample[]): Metric[] =>
  Object.keys(samples[0]?.metrics ?? {}) as Metric[];

function accuracy(
  task: string,
  metric: Metric,
  samples: readonly Sample[],
  others: readonly Sample[],
): ComparedAccuracy {
  const of = (each: readonly Sample[]): number[] => each.map(({ metrics }) => metrics[metric] ?? 0);
  const [mine, theirs] = [of(samples), of(others)];
  const { mean, stderr } = statistics(mine.map((value, i) => value - (theirs[i] ?? 0)));
  const chances = samples.map(({ question }) => 1 / question.choices.length);
  return {
    ...{ task, metric, documents: samples.length },
    ...shares(statistics(mine).mean, statistics(theirs).mean, statistics(chances).mean),
    ...{ difference: mean, stderr: samples.length > 1 ? stderr : null },
  };
}

type Shares = 'model' | 'against' | 'difference' | 'chance' | 'kept' | 'keptAboveChance';

function shares(model: number, against: number, chance: number): Pick<ComparedAccuracy, Shares> {
  return {
    ...{ model, against, difference: model - against, chance },
    kept: against > 0 ? model / against : null,
    keptAboveChance: against > chance ? (model - chance) / (against - chance) : null,
  };
}

/** Over tasks, each counted alike; their documents are independent. */
function means(rows: readonly ComparedAccuracy[]): ComparedAccuracy[] {
  const plain = rows.filter(({ metric }) => metric === 'acc');
  const normed = plain.map(
    (row) => rows.find(({ task, metric }) => task === row.task && metric === 'acc_norm') ?? row,
  );
  const different = normed.some((row, i) => row !== plain[i]);
  return [meanOf('acc', plain), ...(different ? [meanOf('acc_norm or acc', normed)] : [])];
}

function meanOf(metric: string, rows: readonly ComparedAccuracy[]): ComparedAccuracy {
  const mean = (value: (row: ComparedAccuracy) => number): number =>
    statistics(rows.map(value)).mean;
  const errors = rows.map(({ stderr }) => stderr);
  const known = errors.filter((error) => error !== null);
  return {
    ...{ task: 'mean', metric, documents: rows.reduce((sum, row) => sum + row.documents, 0) },
    ...shares(
      mean((row) => row.model),
      mean((row) => row.against),
      mean((row) => row.chance),
    ),
    stderr: known.length === errors.length ? Math.hypot(...known) / rows.length : null,
  };
}

function perplexity(
  mine: Outcomes['texts'][number],
  theirs: Outcomes['texts'][number],
): ComparedPerplexity {
  const { name, headline, words } = mine.perplexity;
  const [model, against] = [mine, theirs].map(
    ({ perplexity: { metrics } }) => metrics[headline] ?? NaN,
  ) as [number, number];
  const paired = sameSequences(mine.sequences, theirs.sequences);
  const byWords = headline === 'word_perplexity';
  // Tokens of different tokenizers are different units; the words of a text are what they are.
  const comparable = paired || (byWords && words === theirs.perplexity.words);
  const units = (text: ScoredText): number => (byWords ? words : text.perplexity.tokens);
  const stderr = paired
    ? ratioError(
        mine.windows.map(({ nats, tokens }, i) => ({
          nats: nats - (theirs.windows[i]?.nats ?? NaN),
          tokens,
        })),
        units(mine),
      )
    : hypotenuse([mine, theirs].map((text) => ratioError(text.windows, units(text))));
  return {
    ...{ name, metric: headline, model, against, paired },
    difference: comparable ? Math.log(model / against) : null,
    stderr: comparable ? stderr : null,
  };
}

const hypotenuse = (errors: readonly (number | null)[]): number | null => {
  const known = errors.filter((error) => error !== null);
  return known.length === errors.length ? Math.hypot(...known) : null;
};

/**
 * Standard error of Σ nats / units over windows that may differ in length: that of a ratio of sums, by the residuals
 * nats − (Σ nats / Σ tokens)·tokens (Cochran 1977, §6.3). Of equal windows it is that of a mean.
 */
function ratioError(windows: readonly WindowScore[], units: number): number | null {
  const n = windows.length;
  if (n < 2) return null;
  const sum = (of: (window: WindowScore) => number): number =>
    windows.reduce((total, window) => total + of(window), 0);
  const rate = sum(({ nats }) => nats) / sum(({ tokens }) => tokens);
  const squares = sum(({ nats, tokens }) => (nats - rate * tokens) ** 2);
  return Math.sqrt((n / (n - 1)) * squares) / units;
}

function sameSequences(a: readonly ScoredSequence[], b: readonly ScoredSequence[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ tokens, from }, i) => {
      const other = b[i] as ScoredSequence;
      if (from !== other.from || tokens.length !== other.tokens.length) return false;
      for (let k = 0; k < tokens.length; k++) if (tokens[k] !== other.tokens[k]) return false;
      return true;
    })
  );
}
