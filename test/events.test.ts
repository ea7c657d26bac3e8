import t from 'tap';
import { stages } from '../lib/events.js';

t.test('when stages are listed, then once each, in the order of the paper', (t) => {
  t.equal(new Set(stages).size, stages.length);
  const order = [
    'trace',
    'partition',
    'knowledge',
    'lhspg',
    'compress',
    'recover-pretraining',
  ] as const;
  const places = order.map((stage) => stages.indexOf(stage));
  t.notOk(places.includes(-1));
  t.same(
    places,
    [...places].sort((a, b) => a - b),
  );
  t.end();
});
