import t from 'tap';
import { type Moments, statisticsOf } from '../../lib/saliency/group_moments.js';
import { scoring, unitVectors } from '../fixtures/scoring.js';
import { dot, flat, withModel } from './lora_moments.js';

t.test('when a score is asked for, then it is told the unit’s three moments', (t) => {
  const s = scoring();
  const told: Moments[] = [];
  statisticsOf(s.input, (moments) => {
    told.push(moments);
    return 0;
  });
  const near = (a: number, b: number, size: number) => Math.abs(a - b) < 1e-5 * (1 + size);
  for (const group of s.input.groups) {
    for (let unit = 0; unit < group.units; unit++) {
      const { x, u } = unitVectors(s.model, group, unit);
      const { squared, inner, step } = told.shift()!;
      const [xx, uu] = [dot(x, x), dot(u, u)];
      t.ok(near(squared, xx, xx), `${group.id} ${unit} ‖x‖²`);
      t.ok(near(step, uu, uu), `${group.id} ${unit} ‖u‖²`);
      t.ok(near(inner, dot(x, u), Math.sqrt(xx * uu)), `${group.id} ${unit} ⟨x, u⟩`);
    }
  }
  t.equal(told.length, 0, 'once for each unit');
  s.dispose();
  t.end();
});

t.test('when a unit is removed, then it gets 0 and is not asked about', (t) => {
  withModel({ rank: 2 }, ({ input }) => {
    const [{ id, units }] = input.groups as [(typeof input.groups)[0]];
    let asked = 0;
    const removed = new Map([[id, new Set([0])]]);
    const scores = statisticsOf({ ...input, removed }, () => ++asked);
    t.equal(scores.get(id)?.[0], 0);
    t.equal(asked, input.groups.reduce((sum, group) => sum + group.units, 0) - 1);
    t.equal(scores.get(id)?.length, units);
  });
  t.end();
});

t.test('when rounding makes a score negative, then it is 0', (t) => {
  withModel({ rank: 0 }, ({ input }) => {
    t.ok(flat(statisticsOf(input, () => -1e-9)).every((score) => Object.is(score, 0)));
  });
  t.end();
});
