// The inverse of the cut on every family: what comes back is the masked model, bit for bit.
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { expand } from '../../lib/compress/expand.js';
import { compress } from '../../lib/compress/slice.js';
import type { GroupKind, Partition } from '../../lib/groups/group.js';
import type { Model } from '../../lib/models/model.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { families, familyFolder, oracleOf } from '../fixtures/families.js';
import { logitsOf, relativeGap } from '../fixtures/family_model.js';
import { withLora, zeroUnits } from '../fixtures/random_llama.js';
import { someUnits, structuresOf } from '../fixtures/structures.js';

const kinds: readonly GroupKind[] = [
  'attention_heads',
  'query_heads',
  'mlp_channels',
  'expert_channels',
  'sublayer',
];

/** Families whose norms average over heads: their weights are divided by what the cut multiplied them with. */
const rounds = new Set(['olmo2']);

/** Largest distance of two parameters of the same name, as a share of the larger; Infinity for other shapes or names. */
function parameterGap(a: Model, b: Model): number {
  const others = new Map(b.parameters());
  let gap = 0;
  for (const [name, p] of a.parameters()) {
    const q = others.get(name);
    if (p.shape.join() !== q?.shape.join()) return Infinity;
    const [x, y] = [p.toArray(), q.toArray()];
    const scale = Math.max(...x.map(Math.abs), 1e-30);
    gap = x.reduce((most, v, i) => Math.max(most, Math.abs(v - y[i]!) / scale), gap);
    others.delete(name);
  }
  return others.size === 0 ? gap : Infinity;
}

for (const name of families()) {
  for (const lora of [false, true]) {
    const what = lora ? `${name} with LoRA` : name;
    t.test(`when a cut ${what} is expanded, then it is the masked model`, (t) => {
      const before = tensorCount();
      const model = loadModel(familyFolder(name));
      if (lora) withLora(model);
      // Halves with LoRA lose it, so that only the others are compared with it.
      const cut = lora ? kinds.filter((kind) => kind !== 'sublayer') : kinds;
      const groups = structuresOf(model, cut, { lora });
      const removed = someUnits(groups, cut, 1);
      t.ok(removed.size > 0);
      zeroUnits(model, groups, removed);
      const compact = compress(model, groups, removed);
      const full = expand(compact, model.config, groups, removed);
      const gap = parameterGap(model, full);
      if (rounds.has(name)) t.ok(gap > 0 && gap < 1e-6, `differs by ${gap}`);
      else t.equal(gap, 0);
      t.same(full.config, model.config);
      for (const owner of [model, compact, full]) owner.dispose();
      t.equal(tensorCount(), before);
      t.end();
    });
  }
}

t.test('when layers and experts are gone, then the expanded model has zeros there', (t) => {
  const name = 'qwen3_moe-unnormalised';
  const model = loadModel(familyFolder(name));
  const all: readonly GroupKind[] = ['layer', 'experts'];
  const groups = structuresOf(model, all);
  const removed = new Map(
    groups.groups
      .filter(({ id, kind }) => kind === 'experts' || id.endsWith('layers.2.all'))
      .map(({ id, kind }) => [id, kind === 'experts' ? [1] : [0]] as const),
  );
  t.ok(removed.size >= 2);
  const compact = compress(model, groups, removed);
  const full = expand(compact, model.config, groups, removed);
  const dense = new Map(model.parameters());
  let zero = 0;
  for (const [param, p] of full.parameters()) {
    const values = p.toArray();
    if (/layers\.2\.|experts\.1\./.test(param)) {
      zero++;
      t.ok(
        values.every((x) => x === 0),
        param,
      );
    } else if (!param.endsWith('gate.weight')) t.same(values, dense.get(param)?.toArray(), param);
  }
  t.ok(zero > 10);
  for (const owner of [model, compact, full]) owner.dispose();
  t.end();
});

t.test('when the expanded model is run, then it computes what the compact one does', (t) => {
  const { tokens } = oracleOf('llama');
  const model = loadModel(familyFolder('llama'));
  const groups = structuresOf(model, kinds);
  const removed = someUnits(groups, kinds, 2);
  const compact = compress(model, groups, removed); // of the dense weights: nothing was zero before
  const full = expand(compact, model.config, groups, removed);
  const gap = relativeGap(logitsOf(full, tokens).flat(2), logitsOf(compact, tokens).flat(2));
  t.ok(gap < 1e-6, `differs by ${gap}`);
  for (const owner of [model, compact, full]) owner.dispose();
  t.end();
});

t.test('when partition and model do not belong together, then that is said', (t) => {
  const model = loadModel(familyFolder('llama'));
  const wide: readonly GroupKind[] = [...kinds, 'residual', 'vocabulary'];
  const groups = structuresOf(model, wide);
  const of = (kind: GroupKind, units: number[]): Map<string, number[]> =>
    new Map([[groups.groups.find((g) => g.kind === kind)!.id, units]]);
  const heads = of('attention_heads', [1]);
  const compact = compress(model, groups, heads);
  const before = tensorCount();
  const refused = (partition: Partition, removed: Map<string, number[]>, what: RegExp): void => {
    t.throws(() => expand(compact, model.config, partition, removed), {
      code: 'PARTITION_INVALID',
      message: what,
    });
  };
  refused(groups, of('residual', [3]), /residual/);
  refused(groups, of('vocabulary', [3]), /vocabulary|tokens/);
  refused(groups, of('mlp_channels', [3]), /compact model/);
  refused(groups, new Map(), /q_proj/);
  refused(groups, of('sublayer', [0]), /no place|compact model/);
  t.equal(tensorCount(), before, 'nothing is left');
  for (const owner of [model, compact]) owner.dispose();
  t.end();
});
