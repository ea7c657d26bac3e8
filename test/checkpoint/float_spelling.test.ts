import t from 'tap';
import { withFloatSpelling } from '../../lib/checkpoint/float_spelling.js';

t.test('when a key held a float, then its whole numbers are written as floats', (t) => {
  const original = '{"rope": {"theta": 10000.0, "n": 3}, "noise": 0.0, "eps": 1.0e-05, "size": 7}';
  const config = {
    rope: { theta: 500000, n: 4 },
    noise: 0,
    eps: 1e-5,
    size: 8,
    label: '0',
    none: null,
  };
  t.equal(
    withFloatSpelling(JSON.stringify(config, null, 2), original),
    JSON.stringify(config, null, 2)
      .replace('500000', '500000.0')
      .replace('"noise": 0', '"noise": 0.0'),
  );
  t.equal(withFloatSpelling('{"noise":-2}', original), '{"noise":-2.0}');
  t.end();
});

t.test('when nothing was a float, then nothing changes', (t) => {
  const json = JSON.stringify({ a: 1, b: [1, 2], c: 'x": 3' });
  t.equal(withFloatSpelling(json, json), json);
  t.end();
});
