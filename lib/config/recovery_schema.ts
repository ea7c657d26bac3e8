// The keys `recovery` and `instruct_tuning` of a job: how the cut model is trained again.
import { z } from 'zod';
import { examplePackings } from '../data/pack_examples.js';
import { packings } from '../data/packing.js';
import { type MixtureName, mixtures } from '../recovery/mixtures/index.js';

const count = z.number().int().positive();
const share = z.number().min(0).max(1);
const learningRate = z.number().positive().max(1);
const seconds = z.number().positive().nullable().default(null);

export const recovery = z
  .strictObject({
    learning_rate: learningRate.default(1e-3),
    rounds: count.default(4).describe('Rounds, each with a mixture of its own.'),
    mixture: z
      .enum(Object.keys(mixtures) as [MixtureName, ...MixtureName[]])
      .default('degradation')
      .describe(
        'What composes a round: by `degradation`, `uniform`, `proportional` to size, or as in `sheared` LLaMA (docs/data.md).',
      ),
    packing: z
      .enum(packings)
      .default('documents')
      .describe(
        'What attention sees of a training window: the `documents` in it one by one, or the whole of `windows` across their ends.',
      ),
    eta: share
      .default(0.3)
      .describe('Balanced share of the mixture; the rest follows the degradation.'),
    tolerance: z
      .number()
      .min(0)
      .default(0.005)
      .describe('Converged when no degradation moves by more in two rounds.'),
    patience: count.default(2).describe('Rounds without a better state after which to stop.'),
    max_seconds: seconds.describe(
      'Stop after so long, which no second run does at the same step; null: no limit.',
    ),
    validation_windows: count
      .default(16)
      .describe('Windows of each source that a round is measured on.'),
    distill: share.default(0).describe('Share of the loss that follows the dense model.'),
  })
  .prefault({})
  .describe('Dynamic knowledge recovery on pretraining text (paper Alg. 5).');

export const instructTuning = z
  .strictObject({
    tokens: count.default(50_000).describe('Training tokens of this stage.'),
    learning_rate: learningRate.default(3e-4),
    rounds: count.default(2),
    batch_size: count.default(16).describe('Instructions in one optimiser step.'),
    packing: z
      .enum(examplePackings)
      .default('rows')
      .describe(
        'Instructions share `rows` of sequence_length, out of sight of each other, or have a `padded` row each.',
      ),
    max_seconds: seconds.describe('As in recovery.'),
  })
  .prefault({})
  .describe('Recovery on instructions.');
