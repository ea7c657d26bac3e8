import t from 'tap';
import { type BenchOptions, benchCommand } from '../../bench/command.js';

async function parse(...argv: string[]): Promise<BenchOptions> {
  let seen: BenchOptions | undefined;
  const command = benchCommand(async (options) => void (seen = options));
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  await command.parseAsync(argv, { from: 'user' });
  if (!seen) throw new Error('the action was not called');
  return seen;
}

t.test('when nothing is said, then both thread counts, five pairs, no peers', async (t) => {
  const options = await parse();
  t.match(options, { suites: [], threads: [1, 2], device: 'cpu', peers: false, pairs: 5 });
  t.match(options, { seconds: 0.25, json: false, failOnRegression: false, installPeers: false });
});

t.test('when suites and options are given, then they are taken', async (t) => {
  const options = await parse('cli', 'boundary', '--threads', '4,8', '--device', 'cuda', '--peers');
  t.same(
    options.suites.map(({ name }) => name),
    ['cli', 'boundary'],
  );
  t.match(options, { threads: [4, 8], device: 'cuda', peers: true });
  t.match(await parse('--compare', 'x.jsonl', '--fail-on-regression', '--pairs', '9'), {
    ...{ compare: 'x.jsonl', failOnRegression: true, pairs: 9 },
  });
});

t.test('when a suite is misspelt, then the near one is named', async (t) => {
  await t.rejects(parse('boundry'), { code: 'CONFIG_INVALID', hint: /did you mean boundary\?/ });
  await t.rejects(parse('zzzzzzzzzzzz'), { code: 'CONFIG_INVALID', hint: /^suites: boundary, / });
});

t.test('when a value makes no sense, then CONFIG_INVALID', async (t) => {
  for (const argv of [
    ['--threads', '0'],
    ['--threads', '1.5'],
    ['--threads', '1,'],
    ['--pairs', 'many'],
    ['--seconds', '0'],
    ['--device', 'tpu'],
    ['--fail-on-regression'],
  ]) {
    await t.rejects(parse(...argv), { code: 'CONFIG_INVALID' }, argv.join(' '));
  }
});

t.test('when an option is unknown or has no value, then the command line refuses it', async (t) => {
  await t.rejects(parse('--fast'), { code: 'commander.unknownOption' });
  await t.rejects(parse('--output'), { code: 'commander.optionMissingArgument' });
});
