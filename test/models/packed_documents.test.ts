import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { families, familyFolder, oracleOf } from '../fixtures/families.js';
import { logitsOf, relativeGap } from '../fixtures/family_model.js';

/** Lengths of the documents in a row of twelve tokens. */
const lengths = [5, 1, 6];

for (const name of families()) {
  t.test(`when ${name} reads documents in one row, then each has the logits it has alone`, (t) => {
    const { tokens } = oracleOf(name);
    const model = loadModel(familyFolder(name));
    const rows = tokens.map((row) => row.slice(0, 12));
    const segments = Int32Array.from(
      rows.flatMap(() => lengths.flatMap((n, i) => Array<number>(n).fill(i))),
    );
    const together = logitsOf(model, rows, { segments });
    const crossing = logitsOf(model, rows);
    for (const [b, row] of rows.entries()) {
      let from = 0;
      for (const length of lengths) {
        const alone = logitsOf(model, [row.slice(from, from + length)])[0]!.flat();
        const found = together[b]!.slice(from, from + length).flat();
        const gap = relativeGap(found, alone);
        t.ok(gap < 1e-5, `row ${b}, from ${from}: ${gap}`);
        const leaking = relativeGap(crossing[b]!.slice(from, from + length).flat(), alone);
        t.ok(from === 0 || leaking > 1e-3, `the test can fail: ${leaking}`);
        from += length;
      }
    }
    model.dispose();
    t.end();
  });
}
