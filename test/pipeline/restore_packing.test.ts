import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseJob } from '../../lib/config/parse_job.js';
import type { Job } from '../../lib/config/job.js';
import { createContext } from '../../lib/context.js';
import type { Corpus } from '../../lib/data/corpus.js';
import { type Example, ignored } from '../../lib/data/instruction_examples.js';
import { windows } from '../../lib/data/packing.js';
import { budgetOf } from '../../lib/pipeline/budget.js';
import { recoverInstruct, recoverPretraining } from '../../lib/pipeline/restore.js';
import { familyFolder } from '../fixtures/families.js';
import { inFolder } from '../fixtures/lhspg_run.js';
import { writeModelFolder } from '../fixtures/model_folder.js';
import { madeUpText } from '../fixtures/tiny_training.js';

/** A document begins at every fifth token. */
function corpusOf(length: number): Corpus {
  const ids = madeUpText(length * 40 + 1, 1);
  const documentStarts = Int32Array.from({ length: ids.length / 5 }, (_, i) => 5 * i);
  const train = [{ name: 'x', windows: windows({ ids, documentStarts }, length) }];
  return { train, validation: [{ name: 'x', ids: madeUpText(120, 1) }], splits: {} };
}

const examples = Array.from({ length: 12 }, (_, i): Example => {
  const ids = madeUpText(4 + (i % 3), i + 1);
  return { ids, labels: ids.map((id, j) => (j < 2 ? ignored : id)) };
});
const instructions = { train: examples, validation: examples.slice(0, 4), padId: 2 };

function jobOf(model: string, packing: { text: string; examples: string }, length = 12): Job {
  return parseJob({
    ...{ model, seed: 7, sequence_length: length, batch_size: 4, tokens: 4 * length * 10 },
    sources: { x: 'x' },
    lhspg: { periods: 1, token_share: 0.2 },
    recovery: { rounds: 2, validation_windows: 2, packing: packing.text },
    instruct: 'instructions.json',
    instruct_tuning: { tokens: 100, rounds: 1, batch_size: 6, packing: packing.examples },
  });
}

/** The training losses of both stages, and what was warned of. */
function losses(dir: string, job: Job): { text: number[]; examples: number[]; told: string[] } {
  const told: string[] = [];
  const ctx = createContext({
    emit: (e) => {
      if (e.type === 'warning') told.push(e.message);
    },
  });
  const own = (name: string): string => {
    const folder = join(dir, `${name}-${job.recovery.packing}`);
    mkdirSync(folder);
    return folder;
  };
  const of = ({ losses: all }: { losses: { loss: number }[] }) => all.map(({ loss }) => loss);
  const from = job.model;
  const corpus = corpusOf(job.sequenceLength);
  const folders = { from, dir: own('text') };
  return {
    text: of(recoverPretraining(ctx, job, corpus, budgetOf(job), folders)),
    examples: of(recoverInstruct(ctx, job, instructions, { from, dir: own('examples') })),
    told,
  };
}

const gap = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((x, i) => Math.abs(x - (b[i] ?? NaN))));

t.test(
  'when documents are kept apart, then training differs; sharing rows changes nothing',
  (t) => {
    inFolder((dir) => {
      const model = writeModelFolder(join(dir, 'dense'), { tied: false, seed: 1 });
      const apart = losses(dir, jobOf(model, { text: 'documents', examples: 'rows' }));
      const running = losses(dir, jobOf(model, { text: 'windows', examples: 'padded' }));
      t.equal(apart.text.length, running.text.length, 'the same tokens make the same steps');
      t.ok(gap(apart.text, running.text) > 1e-2);
      t.ok(
        gap(apart.examples, running.examples) < 1e-4,
        `${gap(apart.examples, running.examples)}`,
      );
      t.notOk(apart.told.some((message) => message.includes('not packed')));
    });
    t.end();
  },
);

t.test(
  'when positions turn otherwise in long texts, then rows are not packed, and it is said',
  (t) => {
    inFolder((dir) => {
      const model = familyFolder('phi3-longrope');
      const packed = losses(dir, jobOf(model, { text: 'documents', examples: 'rows' }, 24));
      const plain = losses(dir, jobOf(model, { text: 'windows', examples: 'padded' }, 24));
      t.strictSame([packed.text, packed.examples], [plain.text, plain.examples]);
      t.equal(
        packed.told.filter((message) => message.includes('rows of 24 are not packed')).length,
        2,
      );
    });
    t.end();
  },
);
