// A small LLaMA with LoRA whose saliencies are compared with formulas over each unit's whole vectors in float64.
import type { Test } from 'tap';
import type { Model } from '../../lib/models/model.js';
import type { Saliency, SaliencyInput, Scores } from '../../lib/saliency/saliency.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { scale } from '../../lib/tensor/ops.js';
import { keep, scoped } from '../../lib/tensor/scope.js';
import { floatTensor } from '../../lib/tensor/tensor.js';
import { scoring, unitVectors } from '../fixtures/scoring.js';
import { type LlamaOptions, handPartition, randomLlama } from '../fixtures/random_llama.js';

export const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + x * (b[i] ?? NaN), 0);

/** Every score is `formula` of the unit's weights x and of its LoRA step u, biases included. */
export function equalsFormula(
  t: Test,
  saliency: Saliency,
  formula: (x: number[], u: number[]) => number,
): void {
  const s = scoring();
  const scores = saliency(s.input);
  for (const group of s.input.groups) {
    scores.get(group.id)?.forEach((score, unit) => {
      const { x, u } = unitVectors(s.model, group, unit);
      const expected = formula(x, u);
      t.ok(
        Math.abs(score - expected) < 1e-5 * (1 + expected),
        `${group.id} ${unit}: ${score}, ${expected}`,
      );
    });
  }
  s.dispose();
}

export interface Scored {
  readonly model: Model;
  readonly input: SaliencyInput;
}

/** Runs `fn` on a model without biases; rank 0 leaves LoRA out. */
export function withModel(options: LlamaOptions, fn: (scored: Scored) => void): void {
  const model = randomLlama({ seed: 6, ...options });
  const { groups } = handPartition(model);
  fn({ model, input: { model, groups, statistics: new Map(), removed: new Map(), seed: 0 } });
  model.dispose();
}

/** Makes every linear's step s·B·A exactly `by` times its weight. */
export function stepAlong(model: Model, by: number): void {
  for (const linear of model.linears().values()) {
    const n = linear.inFeatures;
    const identity = Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
    linear.lora?.A.dispose();
    linear.lora?.B.dispose();
    noGrad(() =>
      scoped(() => {
        const A = keep(floatTensor(identity, [n, n]));
        linear.lora = { A, B: keep(scale(linear.weight, by / 2)), scale: 2 };
      }),
    );
  }
}

/** All scores in one list. */
export const flat = (scores: Scores): number[] => [...scores.values()].flatMap((own) => [...own]);
