import t from 'tap';
import { protectedGroups } from '../../lib/knowledge/protect.js';

t.test(
  'when a share of the groups is protected, then it is the first of the ranking, rounded up',
  (t) => {
    const ranked = ['a', 'b', 'c', 'd', 'e'];
    const of = (share: number): string[] => [...protectedGroups(ranked, share)];
    t.strictSame(of(0), []);
    t.strictSame(of(0.01), ['a']);
    t.strictSame(of(0.4), ['a', 'b']);
    t.strictSame(of(0.41), ['a', 'b', 'c']);
    t.strictSame(of(1), ranked);
    t.strictSame([...protectedGroups([], 0.5)], []);
    t.end();
  },
);
