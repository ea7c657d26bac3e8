import t from 'tap';
import { normalise } from '../../lib/config/normalise.js';
import { applyOverrides } from '../../lib/config/overrides.js';

const base = '/home/ada';

t.test('when a value is YAML, then it is read as such', async (t) => {
  const job = applyOverrides(
    {},
    ['ratio=0.3', 'evaluation.tasks=[boolq, piqa]', 'instruct=null', 'device=cuda:1'],
    base,
  );
  t.same(job, {
    ratio: 0.3,
    evaluation: { tasks: ['boolq', 'piqa'] },
    instruct: null,
    device: 'cuda:1',
  });
});

t.test('when an override sets a key in a block, then the others stay', async (t) => {
  const job = applyOverrides({ lhspg: { periods: 5, form: 'paper' } }, ['lhspg.periods=3'], base);
  t.same(job, { lhspg: { periods: 3, form: 'paper' } });
});

t.test('when an override names a source, then it is added or replaced', async (t) => {
  const job = normalise({ sources: { a: 'x', b: 'y' } }, base);
  t.same(applyOverrides(job, ['sources.b=z', 'sources.my-c=w'], base)['sources'], [
    { name: 'a', path: '/home/ada/x' },
    { name: 'b', path: '/home/ada/z' },
    { name: 'my-c', path: '/home/ada/w' },
  ]);
});

t.test('when a value comes as it is, then YAML does not touch it', async (t) => {
  t.same(applyOverrides({}, [['output', '007']], base), { output: '/home/ada/007' });
});

t.test('when the job is changed, then the one given is not', async (t) => {
  const job = { lhspg: { periods: 5 } };
  applyOverrides(job, ['lhspg.periods=3'], base);
  t.same(job, { lhspg: { periods: 5 } });
});

t.test('when hyphens and other tools’ names are used, then ours are set', async (t) => {
  t.same(applyOverrides({}, ['batch-size=4', 'lora-r=2', 'base_model=m'], base), {
    batch_size: 4,
    lora: { r: 2 },
    model: '/home/ada/m',
  });
});

t.test('when there is no key or no YAML, then CONFIG_INVALID', async (t) => {
  for (const wrong of ['=3', 'ratio', 'evaluation.tasks=[a']) {
    t.throws(() => applyOverrides({}, [wrong], base), { code: 'CONFIG_INVALID' });
  }
});

t.test(
  'when a key is called as what every object has, then no object but the job is set',
  async (t) => {
    for (const key of ['__proto__', 'constructor', 'lhspg.__proto__']) {
      const job = applyOverrides({ lhspg: { periods: 5 } }, [`${key}.polluted=1`], base);
      t.match(JSON.stringify(job), '"polluted":1');
      t.equal(({} as Record<string, unknown>)['polluted'], undefined);
    }
  },
);
