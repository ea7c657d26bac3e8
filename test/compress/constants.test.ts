import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { foldedBiases } from '../../lib/compress/constants.js';
import { compress } from '../../lib/compress/slice.js';
import type { Partition } from '../../lib/groups/group.js';
import type { Model } from '../../lib/models/model.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { families, familyFolder, oracleOf } from '../fixtures/families.js';
import { logitsOf, relativeGap } from '../fixtures/family_model.js';
import { randomLlama, zeroUnits } from '../fixtures/random_llama.js';
import { someUnits, structuresOf } from '../fixtures/structures.js';

const kinds = ['attention_heads', 'mlp_channels'] as const;

/** The partition with the weights that make its units alone: neither biases nor what reads them. */
function makers(whole: Partition): Partition {
  const groups = whole.groups.map((group) => ({
    ...group,
    slices: group.slices.filter(
      ({ role, param }) => role === 'producer' && !param.endsWith('bias'),
    ),
  }));
  return { ...whole, groups };
}

const hasBiases = (model: Model): boolean => {
  const reading = /(o_proj|down_proj|c_proj|dense|dense_4h_to_h|fc2|out_proj)$/;
  const linears = [...model.linears()].filter(([path]) => reading.test(path));
  return linears.every(([, { bias }]) => bias !== null);
};

for (const name of families()) {
  const model = loadModel(familyFolder(name));
  const biased = hasBiases(model);
  model.dispose();
  if (!biased) continue;
  t.test(`when units of ${name} have zero weights but biases, then folding them is exact`, (t) => {
    const before = tensorCount();
    const { tokens } = oracleOf(name);
    const masked = loadModel(familyFolder(name));
    const groups = structuresOf(masked, kinds);
    const removed = someUnits(groups, kinds, 4);
    zeroUnits(masked, makers(groups), removed);
    const cut = compress(masked, groups, removed, { foldConstants: true });
    const plain = compress(masked, groups, removed);
    const expected = logitsOf(masked, tokens).flat(2);
    const gap = relativeGap(logitsOf(cut, tokens).flat(2), expected);
    t.ok(gap <= 1e-5, `logits differ by ${gap}`);
    t.ok(relativeGap(logitsOf(plain, tokens).flat(2), expected) > 1e-3, 'it matters');
    for (const owner of [masked, cut, plain]) owner.dispose();
    t.equal(tensorCount(), before);
    t.end();
  });
}

t.test('when units are not constant or nothing takes their constant, then it is refused', (t) => {
  const before = tensorCount();
  const model = randomLlama({ biases: true });
  const groups = structuresOf(model, kinds);
  const removed = someUnits(groups, kinds, 1);
  const refused = { code: 'PARTITION_INVALID', hint: String };
  t.throws(() => foldedBiases(model, groups, removed), { ...refused, message: /every token/ });
  zeroUnits(model, groups, removed);
  t.same([...foldedBiases(model, groups, removed)], [], 'all zero: nothing to fold');
  model.dispose();
  t.equal(tensorCount(), before);
  t.end();
});
