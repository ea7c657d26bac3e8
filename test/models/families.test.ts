// Every family against transformers on checkpoints that transformers made (scripts/fixtures/families.py).
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { families, familyFolder, oracleOf } from '../fixtures/families.js';
import { greedyIds, logitsOf, relativeGap } from '../fixtures/family_model.js';

/** Of the logits' scale. Changing any key of a config moves the fixtures' logits by more (their script). */
const tolerance = 1e-5;
/** Largest errors of few logits: by what order a processor adds in, they are 0.4 to 1.5 times transformers'. */
const roundings = 2;

for (const name of families()) {
  const dir = familyFolder(name);
  const oracle = oracleOf(name);
  const { tokens, positions, logits, padded, greedy, long } = oracle;
  const at = (all: number[][][], places: number[]): number[] =>
    all.flatMap((row) => places.flatMap((p) => row[p]!));

  t.test(`when ${name} reads tokens, then its logits are those of transformers`, (t) => {
    const before = tensorCount();
    const model = loadModel(dir);
    const gap = relativeGap(at(logitsOf(model, tokens), positions), logits.flat(2));
    t.ok(gap <= tolerance, `logits differ by ${gap}`);
    for (const side of ['left', 'right'] as const) {
      const { tokens: rows, attention_mask: mask, last, logits: expected } = padded[side];
      const found = logitsOf(model, rows, { mask }).flatMap((row, b) => row[last[b]!]!);
      const difference = relativeGap(found, expected.flat());
      t.ok(difference <= tolerance, `${side} padding: ${difference}`);
    }
    if (long) {
      const found = at(logitsOf(model, long.tokens), long.positions);
      t.ok(relativeGap(found, long.logits.flat(2)) <= tolerance, 'beyond the original context');
    }
    t.same(greedyIds(model, greedy.prompt, greedy.ids.length), greedy.ids);
    model.dispose();
    t.equal(tensorCount(), before, 'no tensor is left');
    t.end();
  });

  t.test(`when ${name} computes in bfloat16, then it is no farther from float32`, (t) => {
    const model = loadModel(dir, { dtype: 'bfloat16' });
    const gap = relativeGap(at(logitsOf(model, tokens), positions), logits.flat(2));
    t.ok(gap <= roundings * oracle.bfloat16_error, `${gap}, transformers ${oracle.bfloat16_error}`);
    model.dispose();
    t.end();
  });

  t.test(`when ${name} is given more tokens than it has positions, then it says so`, (t) => {
    const model = loadModel(dir);
    const row = Array<number>(model.context + 1).fill(5);
    t.throws(() => logitsOf(model, [row]), { code: 'CONTEXT_EXCEEDED', hint: String });
    model.dispose();
    t.end();
  });
}
