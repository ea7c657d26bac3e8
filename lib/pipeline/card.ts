// The facts of a run for the model card of its export.
import type { CutArtefact, EvaluationArtefact } from '../artefacts.js';
import type { ModelCard } from '../checkpoint/model_card.js';
import type { Job } from '../config/job.js';
import { specName } from '../saliency/spec.js';
import { basename } from 'node:path';

export function cardOf(
  job: Job,
  dense: EvaluationArtefact,
  { before, after, ratio }: CutArtefact,
): ModelCard {
  const percent = (100 * ratio).toFixed(1);
  return {
    title: `${basename(job.model)}, ${percent} % smaller`,
    paragraphs: [
      `Structured pruning of ${basename(job.model)} with lorashear-native (LHSPG, ${job.lhspg.form} form, ${specName(job.lhspg.saliency)}), ` +
        `then LoRA recovery on ${job.sources.map(({ name }) => name).join(', ')}` +
        `${job.instruct ? ' and instructions' : ''}; the low-rank updates are merged.`,
    ],
    facts: [
      ['parameters', `${after.parameters} (dense ${before.parameters})`],
      ['training tokens', String(job.tokens)],
      ['seed', String(job.seed)],
      [
        'dense perplexity (geometric mean)',
        `${dense.geometricMean.toFixed(2)} (${dense.protocol})`,
      ],
    ],
    denseParameters: before.parameters,
  };
}
