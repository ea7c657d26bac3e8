// What all models of a run are measured on: read and checked before the first step.
import { readConfig } from '../checkpoint/load.js';
import type { Job } from '../config/job.js';
import type { Corpus } from '../data/corpus.js';
import { type TaskData, readTasks } from '../evaluate/commands.js';
import {
  type PerplexityText,
  type PreparedText,
  prepareTexts,
  readPerplexityTexts,
} from '../evaluate/text_perplexity.js';
import { architectureOf } from '../models/index.js';
import { metaWeights } from '../nn/weight_source.js';
import type { Timings } from '../run_folder/artefact_file.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';

export interface Yardstick {
  readonly job: Job;
  readonly corpus: Corpus;
  readonly tokenizer: Tokenizer;
  readonly tasks: readonly TaskData[];
  readonly texts: readonly PreparedText[];
  /** Where it is written how long reading windows and writing the sample took. */
  readonly timings?: Timings;
}

/** Documents of the tasks, and texts of the perplexities, that the job names. */
export interface Questions {
  readonly tasks: readonly TaskData[];
  readonly texts: readonly PerplexityText[];
}

/** @throws LoraShearError `TASK_UNKNOWN`, `DATA_*` */
export async function readQuestions({ evaluation }: Job): Promise<Questions> {
  const { tasks: named, perplexity, dataDir } = evaluation;
  const tasks = named.length > 0 ? await readTasks(named, dataDir) : [];
  return { tasks, texts: await readPerplexityTexts(perplexity, dataDir) };
}

/** @throws LoraShearError `CONFIG_INVALID`, `DATA_EMPTY` where a text and its window do not go together */
export function yardstickOf(
  given: Pick<Yardstick, 'job' | 'corpus' | 'tokenizer'>,
  { tasks, texts }: Questions,
): Yardstick {
  if (texts.length === 0) return { ...given, tasks, texts: [] };
  const config = readConfig(given.job.model);
  using model = architectureOf(config).build(config, metaWeights('float32'));
  return { ...given, tasks, texts: prepareTexts(texts, given.tokenizer, model.context) };
}
