// Multiple choice: the log-likelihoods of four answers to each of 400 questions, beside lm-eval's Hugging Face backend.
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel } from '../../lib/checkpoint/load.js';
import { createContext } from '../../lib/context.js';
import { type ScoredSequence, scoreSequences } from '../../lib/evaluate/log_likelihood.js';
import { waiterFor } from '../device.js';
import { tokenIds, writeLlama } from '../llama_folder.js';
import { defaultModel } from '../sliced_matrices.js';
import { type Case, type Checks, type Suite, fasterThan } from '../suite.js';
import { timed } from '../timed.js';

const shape = { ...defaultModel, vocabulary: 8192 };
const [items, choices] = [400, 4];

/** Tokens of a question, and those of its answers. */
type Item = readonly [context: readonly number[], answers: readonly (readonly number[])[]];

/** Questions of 64 to 96 tokens, answers of 11 to 19, as the tasks have them; every one of its own tokens. */
function itemsOf(count: number): Item[] {
  const ids = tokenIds(count * (96 + choices * 19), shape.vocabulary);
  let at = 0;
  const take = (length: number): number[] => ids.slice(at, (at += length));
  return Array.from({ length: count }, (_, i) => [
    take(64 + ((i * 13) % 33)),
    Array.from({ length: choices }, (__, c) => take(11 + ((i * 5 + c * 7) % 9))),
  ]);
}

function sequencesOf([context, answers]: Item): ScoredSequence[] {
  return answers.map((answer) => ({ tokens: [...context, ...answer], from: context.length }));
}

function evaluationCase(dtype: 'float32' | 'bfloat16', device: string, times: number): Case {
  const dir = join(tmpdir(), `lorashear-bench-evaluation-${process.pid}-${dtype}`);
  return {
    name: `default model, ${items} items of ${choices} choices, ${dtype}`,
    ...{ unit: 's', peers: ['lm_eval'], tolerance: dtype === 'float32' ? 1e-5 : 2e-3 },
    parameters: { dir, device, vocabulary: shape.vocabulary, items: itemsOf(items) },
    targets: [fasterThan('lm_eval', times)],
    prepare({ dir: folder, items: given }) {
      const path = folder as string;
      writeLlama(path, shape, dtype);
      const model = loadModel(path, { device, dtype: 'auto' });
      const sequences = (given as Item[]).flatMap(sequencesOf);
      const ctx = createContext({ device });
      const score = () => scoreSequences(model, sequences, ctx, { greedy: true });
      return {
        measure: timed({
          call: () => void score(),
          wait: waiterFor(device),
          operations: sequences.length,
        }),
        check(): Checks {
          const sums = score().map(({ logProbabilities }) =>
            logProbabilities.reduce((sum, value) => sum + value, 0),
          );
          return { logLikelihoods: [Math.hypot(...sums), ...sums], choices: bestOf(sums) };
        },
        dispose() {
          model.dispose();
          rmSync(path, { recursive: true, force: true });
        },
      };
    },
  };
}

/** The likeliest choice of each item, as a check: a single other one is beyond any tolerance. */
function bestOf(sums: readonly number[]): number[] {
  const best = Array.from({ length: sums.length / choices }, (_, i) => {
    const own = sums.slice(i * choices, (i + 1) * choices);
    return own.indexOf(Math.max(...own));
  });
  return [1, ...best];
}

export const evaluationSuite: Suite = {
  name: 'evaluation',
  what: "a request of multiple choice (log-likelihood of an answer), beside lm-eval's backend",
  quick: false,
  threaded: true,
  cases: ({ device }) => [
    evaluationCase('float32', device, 6),
    evaluationCase('bfloat16', device, 3.5),
  ],
};
