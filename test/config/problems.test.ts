import t from 'tap';
import type { RawObject } from '../../lib/config/normalise.js';
import { type Problem, problemsOf } from '../../lib/config/problems.js';
import { jobSchema } from '../../lib/config/schema.js';

const least = { model: '/m', sources: [{ name: 'web', path: '/w' }] };

function told(job: RawObject): Problem[] {
  const { error } = jobSchema.safeParse(job);
  return problemsOf(error?.issues ?? [], job);
}

/** The only problem of the least job with something more. */
function problem(more: RawObject): Problem | undefined {
  const [first, ...others] = told({ ...least, ...more });
  t.same(others, []);
  return first;
}

t.test('when a key is misspelt, then the nearest key is suggested, with its block', async (t) => {
  t.match(problem({ lhspg: { perods: 3 } }), {
    path: 'lhspg.perods',
    message: 'is no key of a job; did you mean lhspg.periods?',
  });
  t.match(problem({ rato: 0.2 }), { path: 'rato', message: /did you mean ratio\?$/ });
  t.match(problem({ periods: 3 }), { message: /did you mean lhspg\.periods\?$/ });
  t.match(problem({ base_modle: 'm' }), { message: /did you mean base_model\?$/ });
  t.match(problem({ sources: [{ ...least.sources[0], textcolumn: 'x' }] }), {
    path: 'sources.web.textcolumn',
    message: /text_column/,
  });
});

t.test('when nothing is near, then nothing is suggested', async (t) => {
  for (const key of ['zzzzzz', 'q', 'banana_split']) {
    t.same(problem({ [key]: 1 }), { path: key, message: 'is no key of a job' });
  }
});

t.test('when a key fits several places, then all of them are named', async (t) => {
  const { message } = problem({ learning_rate: 1 })!;
  for (const block of ['lhspg', 'recovery', 'instruct_tuning']) {
    t.match(message, `${block}.learning_rate`);
  }
  t.match(problem({ recovery: { periods: 2 } })?.message, 'did you mean lhspg.periods?');
});

t.test('when several keys of a block are unknown, then each is told', async (t) => {
  t.same(
    told({ ...least, cut: { a1: 1, b2: 2 } }).map(({ path }) => path),
    ['cut.a1', 'cut.b2'],
  );
});

t.test(
  'when a name is not in its registry, then all are listed, the nearest suggested',
  async (t) => {
    t.match(problem({ lhspg: { saliency: 'fluctuaton' } }), {
      path: 'lhspg.saliency',
      message: /^is "fluctuaton"; known are magnitude, .*random; did you mean fluctuation\?$/,
    });
    t.match(problem({ evaluation: { tasks: ['boolq', 'arc-easy'] } }), {
      path: 'evaluation.tasks[1]',
      message: /did you mean arc_easy\?$/,
    });
    t.notMatch(problem({ lhspg: { form: 'xyz' } })?.message, 'did you mean');
  },
);

t.test('when a value has the wrong type, then both types are told', async (t) => {
  const cases: [RawObject, string, string][] = [
    [{ ratio: '0.2' }, 'ratio', 'is "0.2", not a number'],
    [{ batch_size: 1.5 }, 'batch_size', 'is 1.5, not a whole number'],
    [{ lora: 3 }, 'lora', 'is 3, not an object'],
    [{ knowledge: { ratios: 0.5 } }, 'knowledge.ratios', 'is 0.5, not an array'],
    [{ model: null }, 'model', 'is null, not a string'],
    [{ sources: [{ name: 'a', path: 3 }] }, 'sources.a.path', 'is 3, not a string'],
    [{ sources: [3] }, 'sources[0]', 'is 3, not an object'],
  ];
  for (const [more, path, message] of cases) t.same(problem(more), { path, message });
});

t.test('when a number is beyond its bound, then value and bound are told', async (t) => {
  const cases: [RawObject, string, string][] = [
    [{ seed: -1 }, 'seed', 'is -1, which is not at least 0'],
    [{ ratio: 0 }, 'ratio', 'is 0, which is not more than 0'],
    [{ recovery: { eta: 2 } }, 'recovery.eta', 'is 2, which is not at most 1'],
    [{ knowledge: { protect: 1 } }, 'knowledge.protect', 'is 1, which is not less than 1'],
  ];
  for (const [more, path, message] of cases) t.same(problem(more), { path, message });
});

t.test('when something is missing or empty, then that is said', async (t) => {
  t.same(told({ sources: least.sources }), [{ path: 'model', message: 'is missing' }]);
  t.same(problem({ model: '' }), { path: 'model', message: 'is empty' });
  t.same(told({ model: 'm' }), [{ path: 'sources', message: 'is missing' }]);
  t.match(problem({ sources: [] }), { path: 'sources', message: /no source/ });
  t.match(problem({ sources: 'web' }), {
    path: 'sources',
    message: /^is "web"; must be `name: path`/,
  });
  t.same(problem({ knowledge: { ratios: [] } }), { path: 'knowledge.ratios', message: 'is empty' });
  t.same(problem({ sources: [{ path: 'y' }] }), { path: 'sources[0].name', message: 'is missing' });
});

t.test('when a value has the wrong form, then it is told with the form', async (t) => {
  t.match(problem({ device: 'gpu' }), { path: 'device', message: /^is "gpu"; must be "cpu"/ });
  t.match(problem({ sources: [{ name: 'b!', path: 'x' }] }), {
    path: 'sources.b!.name',
    message: /^is "b!"; must be letters/,
  });
  t.match(problem({ cut: { kv_heads: 'some' } }), {
    path: 'cut.kv_heads',
    message: /must be "auto"/,
  });
  t.match(problem({ lhspg: { epsilon: 0.5 } }), { path: 'lhspg.epsilon', message: /form: paper/ });
});

t.test('when many things are wrong, then each is told once, in its place', async (t) => {
  const paths = told({
    sources: [{ name: 'a', path: 3 }, { name: 'b!', path: 'x' }, { path: 'y' }],
    ratio: 'x',
    lora: 3,
    knowledge: { ratios: [], protect: 1, unknown: 1 },
    recovery: { eta: 2 },
  }).map(({ path }) => path);
  t.same(paths.sort(), [
    'knowledge.protect',
    'knowledge.ratios',
    'knowledge.unknown',
    'lora',
    'model',
    'ratio',
    'recovery.eta',
    'sources.a.path',
    'sources.b!.name',
    'sources[2].name',
  ]);
  t.same(told(least), [], 'and nothing where nothing is');
});
