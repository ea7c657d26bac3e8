// Damage curves from the knowledge map and from saliencies, by hand.
import t from 'tap';
import type { KnowledgeArtefact } from '../../lib/artefacts.js';
import { importanceOfKnowledge, importanceOfScores } from '../../lib/budget/importance.js';
import { groupOf } from '../fixtures/linear_costs.js';

/** A map of one group of 8 units with the uncut loss 2. */
function mapOf(trials: readonly (readonly [removed: number, loss: number])[]): KnowledgeArtefact {
  const row = { stderr: 0, perplexity: 0, kl: 0, klStderr: 0 };
  return {
    ...{ proxy: 'magnitude', ratios: [], protectShare: 0, dense: { loss: 2, perplexity: 0 } },
    calibration: { sequences: 0, length: 0, tokens: 0 },
    groups: [
      {
        ...{ id: '0.mlp_channels', kind: 'mlp_channels', layer: 0, units: 8 },
        ...{ protected: false, deviation: 0 },
        trials: trials.map(([removed, loss]) => ({ ratio: removed / 8, removed, loss, ...row })),
      },
    ],
  };
}

const channels = groupOf('mlp_channels', 0, 8, 1);

const curve = (trials: Parameters<typeof mapOf>[0]): number[] =>
  Array.from(
    importanceOfKnowledge(mapOf(trials), [channels]).get(channels.id) ?? [],
    (damage) => Math.round(damage * 1e9) / 1e9,
  );

t.test('when trials deviate more and more, then the curve goes through them and on', (t) => {
  t.same(
    curve([
      [2, 2.2],
      [4, 2.6],
      [6, 3.4],
    ]),
    [0, 0.1, 0.2, 0.4, 0.6, 1, 1.4, 1.8, 2.2],
  );
  t.end();
});

t.test('when trials are noisy, then gains count as nothing and bumps are cut off', (t) => {
  t.same(curve([[4, 1.9], [6, 2.2]]), [0, 0, 0, 0, 0, 0.1, 0.2, 0.3, 0.4], 'a gain'); // prettier-ignore
  t.same(curve([[2, 2.8], [4, 2.4]]), [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], 'a bump'); // prettier-ignore
  t.same(curve([[4, 1.5]]), [0, 0, 0, 0, 0, 0, 0, 0, 0]);
  t.end();
});

t.test('when the map is of other groups, then the error names the group', (t) => {
  for (const other of [groupOf('mlp_channels', 0, 9, 1), groupOf('mlp_channels', 1, 8, 1)]) {
    t.throws(() => importanceOfKnowledge(mapOf([[4, 3]]), [other]), {
      ...{ code: 'CONFIG_INVALID', message: new RegExp(other.id) },
    });
  }
  t.end();
});

t.test('when scores become damage, then they add up from the least and are scaled by kind', (t) => {
  const a = groupOf('mlp_channels', 0, 2, 1);
  const b = groupOf('mlp_channels', 1, 2, 1);
  const heads = groupOf('attention_heads', 0, 2, 1);
  const scores = new Map([
    [a.id, Float64Array.of(4, 2)],
    [b.id, Float64Array.of(2, 1)],
    [heads.id, Float64Array.of(300, 400)],
  ]);
  const groups = [a, b, heads];
  const near = (found: Float64Array | undefined, wanted: readonly number[]): void => {
    t.equal(found?.length, wanted.length);
    wanted.forEach((x, i) => t.ok(Math.abs((found?.[i] ?? NaN) - x) < 1e-7, `${found?.[i]} ${x}`));
  };
  const l2 = importanceOfScores(scores, groups); // √(16 + 4 + 4 + 1) = 5, √(300² + 400²) = 500
  near(l2.get(a.id), [0, 0.4, 1.2]);
  near(l2.get(b.id), [0, 0.2, 0.6]);
  near(l2.get(heads.id), [0, 0.6, 1.4]);
  const l1 = importanceOfScores(scores, groups, { norm: 'l1' });
  near(l1.get(a.id), [0, 2 / 9, 6 / 9]);
  near(l1.get(heads.id), [0, 3 / 7, 1]);
  const whole = importanceOfScores(scores, groups, { accumulated: true });
  near(whole.get(heads.id), [0, 0.6, 0.8]);
  t.end();
});

t.test('when units lie in blocks, then one of each block goes before a second of any', (t) => {
  const queries = { ...groupOf('query_heads', 0, 6, 1), blocks: 2 };
  // Blocks (3, 1, 2) and (30, 10, 20): 1, 10 | 2, 20 | 3, 30.
  const scores = new Map([[queries.id, Float64Array.of(3, 1, 2, 30, 10, 20)]]);
  const damage = importanceOfScores(scores, [queries], { norm: 'l1' }).get(queries.id);
  t.same(
    Array.from(damage ?? [], (d) => Math.round(d * 66)),
    [0, 1, 11, 13, 33, 36, 66],
  );
  t.end();
});

t.test('when scores are missing or no numbers, then CONFIG_INVALID names the group', (t) => {
  for (const scores of [undefined, Float64Array.of(1), new Float64Array(8).fill(NaN)]) {
    const all = new Map(scores ? [[channels.id, scores]] : []);
    t.throws(() => importanceOfScores(all, [channels]), {
      ...{ code: 'CONFIG_INVALID', message: /0\.mlp_channels/ },
    });
  }
  t.end();
});
