import t from 'tap';
import { random } from '../../lib/saliency/random.js';
import { scoring } from '../fixtures/scoring.js';

t.test(
  'when the seed changes, then other units are the least; what is removed does not change the rest',
  (t) => {
    const s = scoring();
    const one = random(s.input);
    const other = random({ ...s.input, seed: s.input.seed + 1 });
    t.notSame(one, other);
    const id = s.input.groups[1]!.id;
    const later = random({ ...s.input, removed: new Map([[id, new Set([3])]]) });
    t.equal(later.get(id)?.[3], 0);
    const rest = (scores: typeof one): number[] => [...scores.values()].flatMap((x) => [...x]);
    t.equal(rest(one).filter((x, i) => x !== rest(later)[i]).length, 1);
    s.dispose();
    t.end();
  },
);
