import t from 'tap';
import { parseOptions } from '../../bench/options.js';
import { suites } from '../../bench/suites/index.js';

const parse = (...argv: string[]) => parseOptions(argv, suites);

t.test('when nothing is said, then both thread counts, five pairs, no peers', (t) => {
  t.match(parse(), { suites: [], threads: [1, 2], device: 'cpu', peers: false, pairs: 5 });
  t.end();
});

t.test('when suites and options are given, then they are taken', (t) => {
  const options = parse('cli', 'boundary', '--threads', '4', '--device', 'cuda', '--peers');
  t.same(
    options.suites.map(({ name }) => name),
    ['cli', 'boundary'],
  );
  t.match(options, { threads: [4], device: 'cuda', peers: true });
  t.end();
});

t.test('when a suite is misspelt, then the near one is named', (t) => {
  t.throws(() => parse('boundry'), { code: 'CONFIG_INVALID', hint: /did you mean boundary\?/ });
  t.throws(() => parse('zzzzzzzzzzzz'), { code: 'CONFIG_INVALID', hint: /^suites: boundary, / });
  t.end();
});

t.test('when an option is unknown or its value makes no sense, then CONFIG_INVALID', (t) => {
  for (const argv of [
    ['--fast'],
    ['--threads', '0'],
    ['--threads', '1.5'],
    ['--pairs', 'many'],
    ['--seconds', '0'],
    ['--device', 'tpu'],
    ['--output'],
  ]) {
    t.throws(() => parse(...argv), { code: 'CONFIG_INVALID' }, argv.join(' '));
  }
  t.end();
});
