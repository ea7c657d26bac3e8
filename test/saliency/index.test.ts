import t from 'tap';
import { type SaliencyName, saliencies } from '../../lib/saliency/index.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { snapshot } from '../fixtures/tiny_training.js';
import { scoring } from '../fixtures/scoring.js';

const removed = new Map([
  ['layers.0.self_attn.heads', [2]],
  ['layers.1.mlp.channels', [0, 7]],
]);

for (const name of Object.keys(saliencies) as SaliencyName[]) {
  const { score: saliency } = saliencies[name];

  t.test(
    `when units are scored by ${name}, then each group has a number for each unit, none negative, and always the same`,
    (t) => {
      const s = scoring();
      const before = snapshot(s.model);
      const count = tensorCount();
      const scores = saliency(s.input);
      t.strictSame(
        [...scores.keys()],
        s.input.groups.map(({ id }) => id),
      );
      for (const { id, units } of s.input.groups) {
        const own = scores.get(id) ?? new Float64Array();
        t.equal(own.length, units);
        t.ok(
          own.every((x) => Number.isFinite(x) && x >= 0),
          `${id}: ${own.join(' ')}`,
        );
        t.ok(new Set(own).size > units / 2, 'units differ');
      }
      t.strictSame(saliency(s.input), scores, 'the same again');
      t.equal(tensorCount(), count, 'nothing leaks');
      t.strictSame(snapshot(s.model), before, 'the model is as it was');
      s.dispose();
      t.end();
    },
  );

  t.test(`when units are removed already, then ${name} gives them 0 and the others more`, (t) => {
    const s = scoring(removed);
    const scores = saliency(s.input);
    for (const { id } of s.input.groups) {
      const gone = removed.get(id) ?? [];
      scores.get(id)?.forEach((score, u) => {
        if (gone.includes(u)) t.equal(score, 0, `${id} ${u}`);
        else t.ok(Number.isFinite(score) && score > 0, `${id} ${u}`);
      });
    }
    s.dispose();
    t.end();
  });

  t.test(`when only one group is asked for, then ${name} scores no other`, (t) => {
    const s = scoring();
    const [first] = s.input.groups;
    t.strictSame([...saliency({ ...s.input, groups: [first!] }).keys()], [first!.id]);
    s.dispose();
    t.end();
  });
}
