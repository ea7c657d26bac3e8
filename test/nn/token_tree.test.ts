import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { markVisible, treeRow } from '../../lib/nn/token_tree.js';
import { families, familyFolder, oracleOf } from '../fixtures/families.js';
import { logitsOf, relativeGap } from '../fixtures/family_model.js';

/** What each token of the row sees, a line for each. */
function seen(
  tree: { trunk: number; branches: number[] },
  length: number,
  window: number,
): string[] {
  const bits = new Uint8Array(length * length);
  markVisible(treeRow(tree, length), window, bits);
  return Array.from({ length }, (_, i) => bits.subarray(i * length, (i + 1) * length).join(''));
}

t.test('when branches follow a trunk, then each sees the trunk and itself', (t) => {
  const tree = { trunk: 2, branches: [2, 1] };
  t.strictSame(treeRow(tree, 6).positions, [0, 1, 2, 3, 2, 0]);
  t.strictSame(seen(tree, 6, 9), ['100000', '110000', '111000', '111100', '110010', '000001']);
  t.strictSame(seen(tree, 6, 2), ['100000', '110000', '011000', '001100', '010010', '000001']);
  t.strictSame(seen({ trunk: 0, branches: [2, 2] }, 4, 9), ['1000', '1100', '0010', '0011']);
  t.end();
});

t.test('when a tree does not fit into its row, then that is an error', (t) => {
  t.throws(() => treeRow({ trunk: 2, branches: [2] }, 3), { code: 'CONFIG_INVALID' });
  t.end();
});

for (const name of families()) {
  t.test(`when ${name} reads a tree, then each text has the logits that it has alone`, (t) => {
    using model = loadModel(familyFolder(name));
    const [a, b] = oracleOf(name).tokens as [number[], number[]];
    const texts = [a.slice(0, 9), [...a.slice(0, 5), ...b.slice(0, 6)], [...a.slice(0, 5), b[7]!]];
    const other = b.slice(0, 10);
    const rows = [
      [...texts[0]!, ...texts[1]!.slice(5), ...texts[2]!.slice(5)],
      [...other, 0, 0, 0, 0, 0, 0],
    ];
    const trees = [
      { trunk: 5, branches: [4, 6, 1] },
      { trunk: 10, branches: [] },
    ];
    const [tree, alone] = logitsOf(model, rows, { trees }) as [number[][], number[][]];
    const trunk = tree.slice(0, 5);
    const found = [
      [...trunk, ...tree.slice(5, 9)],
      [...trunk, ...tree.slice(9, 15)],
      [...trunk, ...tree.slice(15, 16)],
      alone.slice(0, 10),
    ];
    [...texts, other].forEach((text, i) => {
      const gap = relativeGap(found[i]!.flat(), logitsOf(model, [text])[0]!.flat());
      t.ok(gap <= 1e-5, `text ${i}: ${gap}`);
    });
    t.end();
  });
}

t.test('when trees come with a mask, or not for every row, then that is an error', (t) => {
  using model = loadModel(familyFolder(families()[0]!));
  const tree = { trunk: 2, branches: [] };
  const fails = (options: object) =>
    t.throws(() => logitsOf(model, [[1, 2]], options), { code: 'CONFIG_INVALID' });
  fails({ trees: [tree], mask: [[1, 1]] });
  fails({ trees: [tree, tree] });
  t.end();
});
