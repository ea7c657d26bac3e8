import t from 'tap';
import { parseTarget, shareOf } from '../../lib/plan/target.js';

t.test('when a target is written, then it is a share to remove or a size to leave', (t) => {
  t.same(parseTarget('0.2'), { measure: 'parameters', ratio: 0.2 });
  t.same(parseTarget('params=20%'), { measure: 'parameters', ratio: 0.2 });
  t.same(parseTarget(' macs = 0.3 '), { measure: 'macs', ratio: 0.3 });
  t.same(parseTarget('kv=0.5'), { measure: 'kvBytes', ratio: 0.5 });
  t.same(parseTarget('memory=6GB'), { measure: 'memory', most: 6e9 });
  t.same(parseTarget('memory=6GiB'), { measure: 'memory', most: 6 * 1024 ** 3 });
  t.same(parseTarget('memory=0.3'), { measure: 'memory', ratio: 0.3 });
  t.same(parseTarget('params=5.4B'), { measure: 'parameters', most: 5.4e9 });
  t.same(parseTarget('params=54e8'), { measure: 'parameters', most: 5.4e9 });
  t.same(parseTarget('macs=5G'), { measure: 'macs', most: 5e9 });
  t.end();
});

t.test('when a target cannot be read, then CONFIG_INVALID says how to write one', (t) => {
  for (const text of [
    '',
    'params',
    'params=0',
    'params=120%',
    'kv=3GB',
    'params=3GB',
    'memory=6X',
    'macs=-1',
  ]) {
    t.throws(() => parseTarget(text), { code: 'CONFIG_INVALID', hint: /memory=6GB/ }, text);
  }
  t.throws(() => parseTarget('parms=0.2'), {
    code: 'CONFIG_INVALID',
    hint: /did you mean params\?/,
  });
  t.end();
});

t.test('when a size is the target, then its share depends on the model', (t) => {
  const total = { parameters: 100, macs: 1, kvBytes: 1, memory: 10 };
  t.equal(shareOf({ measure: 'parameters', most: 75 }, total), 0.25);
  t.equal(shareOf({ measure: 'memory', ratio: 0.5 }, total), 0.5);
  t.end();
});
