// What a job file may say: every key with its type, bounds, default and meaning. docs/job.schema.json is made from this.
import { z } from 'zod';
import { templates } from '../data/alpaca.js';
import { taskNames } from '../evaluate/index.js';
import { defaultText } from '../evaluate/perplexity_word.js';
import { protocolNames } from '../evaluate/protocols/index.js';
import { pullRules } from '../lhspg/pull.js';
import { type SaliencyName, saliencyFacts, saliencyNames } from '../saliency/names.js';
import { checkpointings } from '../train/memory.js';
import { schedules } from '../train/schedule.js';
import { cut, exporting } from './cut_schema.js';
import { lhspgForms } from './job.js';
import { instructTuning, recovery } from './recovery_schema.js';

const names = <T extends string>(registry: Record<T, unknown>) =>
  Object.keys(registry) as [T, ...T[]];

const path = z.string().min(1);
const count = z.number().int().positive();
const share = z.number().min(0).max(1);
const shareBelowOne = z.number().min(0).lt(1);
const learningRate = z.number().positive().max(1);

const saliencyWeights = z
  .strictObject(
    Object.fromEntries(
      saliencyNames.map((name) => [
        name,
        z.number().positive().optional().describe(`Weight: ${saliencyFacts[name].description}.`),
      ]),
    ) as Record<SaliencyName, z.ZodOptional<z.ZodNumber>>,
  )
  .refine((weights) => Object.keys(weights).length > 0, {
    error: 'names no saliency',
    when: ({ issues }) => issues.length === 0,
  });

/** One saliency, or several by weights. */
const saliency = z.union([z.enum(saliencyNames), saliencyWeights]);

const sourceName = z.string().regex(/^[A-Za-z0-9][\w.-]*$/, {
  error: 'must be letters, digits, "_", "-" and "."',
});

const source = z.strictObject({
  name: sourceName.describe('Name of the source in tables and charts.'),
  path: path.describe(
    'File, or folder with train* and validation* files; parquet, JSONL, JSON or text. Or a dataset in the hub cache: `openwebtext`, `wikipedia`, `gutenberg`, `bookcorpus`, `org/name` (docs/data.md).',
  ),
  text_column: z.string().min(1).optional().describe('Column or field of the text [text].'),
  clean: z
    .boolean()
    .default(false)
    .describe(
      "The paper's cleaning: strip irregular characters, keep paragraphs of more than 64 tokens.",
    ),
  max_tokens: count
    .optional()
    .describe('Tokens that are read of each split at most, from its beginning [all].'),
});

const sources = z
  .array(source, { error: 'must be `name: path` for each source, or a list of {name, path}' })
  .min(1, { error: 'names no source of text' });

const instruct = z.strictObject({
  path: path.describe(
    "File or folder of instructions in Alpaca's format, `alpaca`, `alpaca-cleaned`, or `org/name` of the hub cache.",
  ),
  validation: path.optional().describe('Instructions to validate on; else found or held out.'),
  template: z.enum(names(templates)).default('alpaca-lora').describe('Prompt template.'),
  train_on_inputs: z
    .boolean()
    .default(false)
    .describe('Count the tokens of the prompt as targets.'),
});

const knowledge = z
  .strictObject({
    proxy: saliency
      .default('magnitude')
      .describe(
        'Which units a trial takes out: the least of this saliency (docs/saliency.md), or of several, {name: weight}.',
      ),
    ratios: z
      .array(z.number().gt(0).lt(1))
      .min(1)
      .default([0.25, 0.5, 0.75])
      .describe('Shares of the units of a group that the trials take out.'),
    protect: shareBelowOne.default(0.1).describe('Share of the node groups that is protected.'),
    sequences: count.default(16).describe('Calibration windows.'),
    pairs: z
      .number()
      .int()
      .min(0)
      .default(0)
      .describe('So many groups of largest deviation are taken out in pairs as well.'),
  })
  .prefault({})
  .describe('Knowledge distribution analysis (paper Alg. 3).');

const lora = z
  .strictObject({
    r: count.default(8).describe('Rank.'),
    alpha: z.number().positive().default(16).describe('Scale is alpha / r.'),
  })
  .prefault({})
  .describe('The LoRA on every linear of the blocks.');

const ofPaper = {
  error: 'applies to `form: paper` alone: in the transfer form a unit shrinks linearly to the end',
};

const lhspg = z
  .strictObject({
    form: z
      .enum(lhspgForms)
      .default('transfer')
      .describe(
        '`transfer` moves knowledge in closed form while units shrink; `paper` is Alg. 4 as printed; the `one-shot` forms cut at once, without training and with or without the transfer, and leave all tokens to recovery.',
      ),
    saliency: saliency
      .default('reconstruction')
      .describe(
        'Units of the least score are redundant (docs/saliency.md); several are mixed as {name: weight}.',
      ),
    sequences: count.default(64).describe('Calibration windows of the saliency and the transfer.'),
    periods: count.default(5).describe('Pruning periods.'),
    rounds: count
      .default(1)
      .describe('The periods come in so many runs, with training alone in between.'),
    rest_share: shareBelowOne
      .default(0.3)
      .describe("Share of LHSPG's steps that is training alone, where there are rounds."),
    token_share: share.default(0.1).describe('Share of `tokens` spent here.'),
    warmup_share: share
      .lt(1)
      .default(0.1)
      .describe("Share of LHSPG's steps before the first period."),
    learning_rate: learningRate.default(1e-3),
    schedule: z
      .enum(names(schedules))
      .default('constant')
      .describe('Learning rate over the steps, after the rise of the warm-up.'),
    clip: z.number().positive().default(1).describe('Largest L2 norm of all gradients together.'),
    epsilon: shareBelowOne.default(0).describe('ε of the half-space test (form `paper`).'),
    pull: z
      .enum(pullRules)
      .default('linear')
      .describe(
        "How hard redundant groups are pulled to zero (form `paper`): evenly, or by DHSPG's rule where the loss wants them to grow.",
      ),
  })
  .refine(({ form, epsilon }) => form === 'paper' || epsilon === 0, {
    path: ['epsilon'],
    ...ofPaper,
  })
  .refine(({ form, pull }) => form === 'paper' || pull === 'linear', { path: ['pull'], ...ofPaper })
  .prefault({})
  .describe('LoRA Half-Space Projected Gradient (paper Alg. 4).');

const perplexity = z.strictObject({
  protocol: z.enum(protocolNames).describe('How a text is cut and counted (docs/evaluation.md).'),
  text: z.string().min(1).default(defaultText).describe('wikitext2, ptb, or a name of your own.'),
  path: path.optional().describe('File of the text; wikitext2 needs none.'),
  window: count.optional().describe("Tokens of a window [the protocol's]."),
});

const evaluationKeys = z.strictObject({
  tasks: z.array(z.enum(taskNames)).default([]).describe("Tasks by lm-eval's names."),
  perplexity: z.array(perplexity).default([]).describe('Perplexities by named protocols.'),
  data_dir: path
    .optional()
    .describe("Hugging Face hub cache with the tasks' datasets [the user's]."),
  limit: count.nullable().default(null).describe('Documents of each task; null: all.'),
  windows: count.default(48).describe('Perplexity windows of each source.'),
  sample_prompt: z
    .string()
    .nullable()
    .default(null)
    .describe('Start of the text that the models write in the report.'),
});
const whatIsMeasured = 'What is measured before, after the cut, and at the end.';
const evaluation = evaluationKeys.prefault({}).describe(whatIsMeasured);

/** A job after its shorthands were written out (normalise.ts). */
export const jobSchema = z.strictObject({
  model: path.describe(
    'Folder of the dense model: config.json, model.safetensors, tokenizer.json.',
  ),
  output: path.optional().describe('Run folder [runs/<model name>-<ratio>].'),
  ratio: z.number().gt(0).lt(1).default(0.2).describe('Share of all parameters to remove.'),
  seed: z.number().int().min(0).max(0xffffffff).default(0).describe('Seed of every random choice.'),
  threads: count.optional().describe("Threads [libtorch's own choice]."),
  device: z
    .string()
    .regex(/^(cpu|cuda(:\d+)?)$/, { error: 'must be "cpu", "cuda" or "cuda:N"' })
    .default('cpu')
    .describe('`cpu`, `cuda` or `cuda:N`.'),
  sources,
  deduplicate: z
    .boolean()
    .default(true)
    .describe('Leave out documents that came before, and from training what is validated on.'),
  instruct: instruct.nullable().default(null),
  sequence_length: z
    .number()
    .int()
    .min(2)
    .optional()
    .describe("Tokens of a window [256, or the model's context if that is shorter]."),
  batch_size: count.default(16).describe('Windows in one optimiser step.'),
  micro_batch_size: count
    .nullable()
    .default(null)
    .describe('Of these, in memory at a time; gradients are added up. null: all.'),
  checkpointing: z
    .enum(checkpointings)
    .default('none')
    .describe(
      'What is computed again for its gradient instead of being kept: `selective`: norms and act(gate) · up, which is cheap; `blocks`: all of a block but what goes into it.',
    ),
  cuda_graphs: z
    .boolean()
    .default(false)
    .describe(
      "Record LHSPG's training step once in each period and replay it: for small models, whose GPU waits for the host. Not with checkpointing `blocks` or with experts; takes the memory of a step beside what other passes take.",
    ),
  dtype: z
    .enum(['float32', 'bfloat16'])
    .default('float32')
    .describe('Type in which the base weights are trained on and cut; LoRA stays float32.'),
  tokens: count
    .optional()
    .describe('Training tokens of LHSPG and pretraining recovery together [400000].'),
  steps: count
    .optional()
    .describe('The same in optimiser steps: tokens / (batch_size × sequence_length).'),
  knowledge,
  lora,
  lhspg,
  cut,
  export: exporting,
  recovery,
  instruct_tuning: instructTuning,
  evaluation,
});

/** A job as a file may say it, shorthands included; this is what docs/job.schema.json publishes. */
export const jobFileSchema = jobSchema.extend({
  sources: z
    .union([z.record(sourceName, path), sources])
    .optional()
    .describe(
      "Pretraining text: `name: path` for each source, or a list with options. Default: the paper's texts that are in the hub cache.",
    ),
  checkpointing: jobSchema.shape.checkpointing
    .or(z.boolean())
    .default('none')
    .describe(`${jobSchema.shape.checkpointing.description} true: blocks; false: none.`),
  instruct: z
    .union([path, instruct, z.null()])
    .default(null)
    .describe(
      'Instructions for the second recovery stage: a path, or options; null leaves it out.',
    ),
  evaluation: evaluationKeys
    .extend({
      perplexity: z
        .array(z.union([z.string().min(1), perplexity]))
        .default([])
        .describe(
          'Perplexities by named protocols: gptq:wikitext2, llm-pruner:ptb=FILE, or options.',
        ),
    })
    .prefault({})
    .describe(whatIsMeasured),
});

export const defaultTokens = 400_000;
export const defaultSequenceLength = 256;

/** What a program or a YAML file may give: all but `model` has a default, of `sources` what the hub cache has. */
export type JobInput = z.input<typeof jobFileSchema>;
