// The facts of a run for the model card of its export.
import type { CutArtefact, EvaluationArtefact, RecoveryArtefact } from '../artefacts.js';
import type { ModelCard } from '../checkpoint/model_card.js';
import type { Job } from '../config/job.js';
import { specName } from '../saliency/spec.js';
import { basename } from 'node:path';

export function cardOf(
  job: Job,
  /** null where it was not measured, and nothing recovered */
  dense: EvaluationArtefact | null,
  { before, after, ratio }: CutArtefact,
  recovery: readonly RecoveryArtefact[] = [],
): ModelCard {
  const texts = job.sources.map(({ name }) => name).join(', ');
  const percent = (100 * ratio).toFixed(1);
  return {
    title: `${basename(job.model)}, ${percent} % smaller`,
    paragraphs: [
      `Structured pruning of ${basename(job.model)} with lorashear-native (LHSPG, ${job.lhspg.form} form, ${specName(job.lhspg.saliency)}), ` +
        (dense
          ? `then LoRA recovery on ${texts}${job.instruct ? ' and instructions' : ''}; the low-rank updates are merged.`
          : `on ${texts}, without recovery.`),
    ],
    facts: [
      ['parameters', `${after.parameters} (dense ${before.parameters})`],
      ...(dense
        ? ([
            ['training tokens', String(job.tokens)],
            ['seed', String(job.seed)],
            [
              'dense perplexity (geometric mean)',
              `${dense.geometricMean.toFixed(2)} (${dense.protocol})`,
            ],
            ...(dense.texts ?? []).map(
              ({ name, headline, metrics }) =>
                [
                  `dense ${headline.replaceAll('_', ' ')}, ${name}`,
                  (metrics[headline] ?? NaN).toFixed(2),
                ] as const,
            ),
            ...recovery.map(stageFact),
          ] as const)
        : [['seed', String(job.seed)] as const]),
    ],
    denseParameters: before.parameters,
  };
}

/** How one stage of recovery went. */
function stageFact({
  stage,
  rounds,
  bestRound,
  tokens,
  composition,
  stopReason,
  rollbacks = [],
}: RecoveryArtefact): readonly [string, string] {
  const kept = bestRound < 0 ? 'the state before it kept' : `round ${bestRound + 1} kept`;
  return [
    `recovery on ${stage === 'pretraining' ? 'text' : 'instructions'}`,
    [
      `${tokens} tokens in ${rounds.length} rounds`,
      ...(composition === undefined ? [] : [`mixture ${composition}`]),
      `ended: ${stopReason}`,
      kept,
      ...rollbacks.map(
        ({ step, backTo, rate }) =>
          `taken back from step ${step} to ${backTo}, then ${rate} times the rate`,
      ),
    ].join(', '),
  ];
}
