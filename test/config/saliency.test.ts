import t from 'tap';
import { overridesOf, saliencyHelp } from '../../lib/cli/job_options.js';
import type { Job } from '../../lib/config/job.js';
import type { Override } from '../../lib/config/overrides.js';
import { parseJob } from '../../lib/config/parse_job.js';
import { saliencyFacts, saliencyNames } from '../../lib/saliency/names.js';

const parse = (given: unknown, overrides: Override[] = []): Job =>
  parseJob(
    { model: 'm', sources: { web: 'w' }, lhspg: { saliency: given }, knowledge: { proxy: given } },
    { overrides },
  );

t.test(
  'when a job names a saliency or a mixture, then its names are kept as they are',
  async (t) => {
    const cases: [unknown, unknown][] = [
      ...saliencyNames.map((name): [string, string] => [name, name]),
      ['flap', 'fluctuation'],
      ['taylor-first', 'taylor_first'],
      [
        { taylor_first: 0.5, 'dense-cosine': 2 },
        { taylor_first: 0.5, dense_cosine: 2 },
      ],
      [{ flap: 1 }, { fluctuation: 1 }],
      ['magnitude=0.5,wanda=0.5', { magnitude: 0.5, wanda: 0.5 }],
    ];
    for (const [given, expected] of cases) {
      const job = parse(given);
      t.same(job.lhspg.saliency, expected);
      t.same(job.knowledge.proxy, expected);
      t.same(JSON.parse(JSON.stringify(job)), job, 'it survives the manifest');
    }
  },
);

t.test(
  'when a flag or override gives another, then it takes the place of the whole mixture',
  async (t) => {
    const before = { magnitude: 1, wanda: 1 };
    const cases: [Override[], unknown][] = [
      [overridesOf({ saliency: 'random=2' }), { random: 2 }],
      [overridesOf({ saliency: 'flap' }), 'fluctuation'],
      [['lhspg.saliency=cosine'], 'cosine'],
      [['lhspg.saliency=cosine=1,random=2'], { cosine: 1, random: 2 }],
      [['lhspg.saliency={cosine: 1}'], { cosine: 1 }],
    ];
    for (const [overrides, expected] of cases) {
      const job = parse(before, overrides);
      t.same(job.lhspg.saliency, expected);
      t.same(job.knowledge.proxy, before);
      t.equal(job.lhspg.periods, 5);
    }
  },
);

t.test('when a saliency is none, then its place and what is wrong are told', async (t) => {
  const cases: [unknown, string, RegExp][] = [
    ['magnitud', '', /known are magnitude, .*did you mean magnitude\?$/],
    ['magnitude=0', '', /known are/],
    [{ magnitud: 1 }, '.magnitud', /is no key of a job; did you mean .*\.magnitude/],
    [{ magnitude: 0 }, '.magnitude', /^is 0, which is not more than 0$/],
    [{ magnitude: 'x' }, '.magnitude', /^is "x", not a number$/],
    [{}, '', /names no saliency/],
    [3, '', /^is 3; known are/],
    [['magnitude'], '', /known are/],
  ];
  for (const [given, place, message] of cases) {
    const paths = [`knowledge.proxy${place}`, `lhspg.saliency${place}`];
    const problems = paths.map((path) => ({ path, message }));
    t.throws(
      () => parse(given),
      { code: 'CONFIG_INVALID', facts: { problems } },
      JSON.stringify(given),
    );
  }
});

t.test('when help is asked for, then every saliency has a line', async (t) => {
  const lines = saliencyHelp().trim().split('\n').slice(1);
  t.equal(lines.length, saliencyNames.length);
  saliencyNames.forEach((name, i) => {
    t.match(lines[i], new RegExp(`^ +${name} +\\S.*\\[${saliencyFacts[name].needs}\\]$`));
  });
});
