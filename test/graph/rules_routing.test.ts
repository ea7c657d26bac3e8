import t from 'tap';
import { dimensionsOf } from '../../lib/graph/dimensions.js';
import { routingRules } from '../../lib/graph/rules_routing.js';
import { type Use, checkRules, marksOf, recorded } from './rule_truth.js';
import { Symbolic } from './symbolic.js';

const uses: readonly Use[] = [
  { op: 'topk', inputs: [['self', 3, 7]], attrs: { k: 2 }, tied: 'a b → a c , a c' },
  {
    op: 'topk',
    inputs: [['self', 7, 3, 5]],
    attrs: { k: 4, dim: 0 },
    tied: 'a b c → d b c , d b c',
  },
  { op: 'topk', inputs: [['self', 3, 5]], attrs: { k: 5, dim: -1 }, tied: 'a b → a c , a c' },
  {
    op: 'scatter.src',
    inputs: [
      ['self', 3, 7],
      ['index', 3, 2],
      ['src', 3, 2],
    ],
    attrs: { dim: -1 },
    tied: 'a b , a c , a c → a b',
  },
  { op: 'zeros_like', inputs: [['self', 3, 5]], tied: 'a b → a b' },
];

checkRules(t, routingRules, uses);

t.test('when places of a dimension are chosen, then it is marked, and no other', (t) => {
  t.strictSame(marksOf(recorded(uses[0]!))[0], ['', 'indexed']);
  t.strictSame(
    marksOf(recorded(uses[3]!))[0],
    ['constant', 'indexed'],
    'indices come from outside',
  );
  t.strictSame(marksOf(recorded(uses[4]!))[0], ['', '']);
  t.end();
});

t.test('when a router chooses, then rows of its weight are columns of the shares', (t) => {
  const s = new Symbolic();
  const router = s.parameter('gate', 5, 4);
  const scores = s.unary('softmax.int', s.linear(s.parameter('x', 3, 4), router), { dim: -1 });
  const [weights, indices] = s.call('topk', [['self', scores]], { k: 2, dim: -1 }, [3, 2], [3, 2]);
  const zeros = s.unary('zeros_like', scores);
  const shares = s.one(
    'scatter.src',
    [
      ['self', zeros],
      ['index', indices!],
      ['src', weights!],
    ],
    { dim: -1 },
    [3, 5],
  );
  const column = s.one('select.int', [['self', shares]], { dim: -1, index: 3 }, [3]);
  const { atoms, of } = dimensionsOf(s.finish(column));
  const [rows] = of[router]!;
  t.equal(atoms.find(rows![0]!), atoms.find(of[shares]![1]![0]!));
  t.strictSame([...atoms.marks().get(atoms.find(rows![0]!))!].sort(), ['indexed', 'softmax']);
  t.strictSame(atoms.marks().get(atoms.find(of[weights!]![1]![0]!)), undefined, 'places have none');
  t.end();
});
