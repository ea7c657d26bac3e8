import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import t from 'tap';
import { denseModel } from '../fixtures/pages.js';
import { writeSampleRun } from '../fixtures/run_artefacts.js';
import { cli } from './program.js';

t.test('when help is asked for, then it comes at once and without libtorch', async (t) => {
  const missing = { LORASHEAR_ADDON: '/nowhere/lorashear.node', LORASHEAR_CACHE: '/nowhere' };
  const start = performance.now();
  const { code, stdout } = await cli(['--help'], missing);
  t.ok(performance.now() - start < 5000, 'a loaded machine included');
  t.equal(code, 0);
  for (const name of [
    'run',
    'plan',
    'evaluate',
    'score',
    'generate',
    'report',
    'bench',
    'setup',
    'doctor',
  ]) {
    t.match(stdout, new RegExp(`^  ${name} `, 'm'));
    const own = await cli([name, '--help'], missing);
    t.equal(own.code, 0, name);
    t.match(own.stdout, `Usage: lorashear-native ${name}`);
  }
  t.match((await cli(['run', '--help'], missing)).stdout, 'Examples:');
  t.match((await cli(['help', 'run'], missing)).stdout, '--resume [dir]');
});

t.test('when help is printed, then only the command line’s own files were loaded', async (t) => {
  const dir = t.testdir({});
  const { code } = await cli(['--help'], { NODE_V8_COVERAGE: dir });
  t.equal(code, 0);
  const [file = ''] = readdirSync(dir);
  const { result } = JSON.parse(readFileSync(join(dir, file), 'utf8')) as {
    result: { url: string }[];
  };
  const ours = result.map(({ url }) => url).filter((url) => url.includes('/dist/lib/'));
  t.same(ours.map((url) => url.slice(url.indexOf('/dist/lib/') + '/dist/lib/'.length)).sort(), [
    'cli/arguments.js',
    'cli/commands.js',
    'cli/main.js',
    'config/normalise.js',
    'evaluate/perplexity_word.js',
  ]);
});

t.test('when the version is asked for, then it is the package’s', async (t) => {
  const { stdout } = await cli(['--version']);
  t.match(stdout.trim(), /^\d+\.\d+\.\d+/);
});

t.test('when a command or flag is misspelt, then the nearest is suggested, exit 2', async (t) => {
  const command = await cli(['rnu']);
  t.match(command, { code: 2, stderr: /Did you mean run\?/ });
  const flag = await cli(['run', '--modle', 'x']);
  t.match(flag, { code: 2, stderr: /Did you mean --model\?/ });
});

t.test(
  'when a job is wrong, then code, message and hint are told, and nothing is written',
  async (t) => {
    const dir = t.testdir({ 'job.yaml': 'modle: x\nsources: { a: b }\n' });
    const { code, stderr, stdout } = await cli([
      'run',
      join(dir, 'job.yaml'),
      '--output',
      join(dir, 'run'),
    ]);
    t.equal(code, 2);
    t.equal(stdout, '');
    t.match(stderr, /^error \[CONFIG_INVALID\] [^]*did you mean model\?[^]*\n {2}hint: /);
    t.notMatch(stderr, '    at ');
    t.notOk(existsSync(join(dir, 'run')));
  },
);

t.test(
  'when --debug is given, then the stack is shown; with --json the error is an object',
  async (t) => {
    t.match((await cli(['plan', '--debug'])).stderr, /\n {4}at .*parse_job/);
    const { code, stdout } = await cli(['run', '--json']);
    t.equal(code, 2);
    t.match(JSON.parse(stdout), {
      type: 'error',
      code: 'CONFIG_INVALID',
      facts: { problems: [{ path: 'model' }, {}] },
    });
  },
);

t.test('when a resume is given settings or no run, then it is refused', async (t) => {
  const dir = t.testdir({ none: {} });
  const settings = await cli(['run', '--resume', join(dir, 'none'), '--ratio', '0.5']);
  t.match(settings, { code: 2, stderr: /keeps the settings/ });
  const none = await cli(['run', '--resume', join(dir, 'none')]);
  t.match(none, { code: 9, stderr: /RUN_CORRUPT[^]*holds no run/ });
});

t.test('when a report is asked for, then its files are written and named', async (t) => {
  const dir = t.testdir({});
  writeSampleRun(dir);
  const { code, stdout } = await cli(['report', dir, '--json']);
  t.equal(code, 0);
  const files = Object.values(JSON.parse(stdout) as Record<string, string>);
  t.strictSame(
    files.map((file) => basename(file)),
    ['report.md', 'report.html', 'report.json'],
  );
  for (const file of files) t.ok(existsSync(file), file);
  t.match(await cli(['report', join(dir, 'no')]), { code: 9, stderr: /RUN_CORRUPT/ });
});

t.test('when a number is none, then evaluate and score say which', async (t) => {
  const wrong = await cli(['evaluate', 'm', '--tasks', 'boolq', '--limit', 'x']);
  t.match(wrong, { code: 2, stderr: /--limit is "x"/ });
  const score = await cli(['score', 'm', '--file', 'x', '--threads', '-1']);
  t.match(score, { code: 2, stderr: /--threads is "-1"/ });
});

t.test('when a prompt is given, then the text is on standard output, alone', async (t) => {
  const given = ['generate', denseModel, '--prompt', 'Once upon a time', '-n', '12'];
  const { code, stdout, stderr } = await cli(given);
  t.equal(code, 0);
  t.match(stdout, /^, there was a little girl[^\n]*\n$/);
  t.match(stderr, /^12 tokens after 5 of prompt in .* \(.* tokens\/s\), /);

  const json = await cli([...given, '--json', '--temperature', '1', '--seed', '4']);
  const found = JSON.parse(json.stdout) as Record<string, unknown>;
  t.match(found, {
    promptIds: [1, 403, 407, 261, 378],
    ids: { length: 12 },
    text: String,
    finishReason: 'length',
    tokensPerSecond: Number,
  });
  t.equal(json.stderr, '');
  const again = await cli([...given, '--json', '--temperature', '1', '--seed', '4']);
  t.strictSame((JSON.parse(again.stdout) as typeof found)['ids'], found['ids']);
});

t.test('when a prompt comes from a file, then without its last line break', async (t) => {
  const file = join(t.testdir({ 'p.txt': 'Once upon a time\n' }), 'p.txt');
  const stop = ['--stop', 'nowhere', '--stop', ' little', '--json'];
  const { stdout } = await cli(['generate', denseModel, '--file', file, ...stop]);
  t.match(JSON.parse(stdout), {
    promptIds: { length: 5 },
    text: ', there was a',
    finishReason: 'stop',
  });
});

t.test('when generate is asked for what cannot be, then it says so', async (t) => {
  const refuses = async (flags: string[], code: number, stderr: RegExp) => {
    t.match(await cli(['generate', denseModel, ...flags]), { code, stderr, stdout: '' });
  };
  await refuses([], 2, /no prompt was given[^]*--prompt TEXT/);
  await refuses(['-p', 'a', '-f', 'b'], 2, /a prompt and a file/);
  await refuses(['-p', 'a', '--system', 'b'], 2, /without --chat/);
  await refuses(['-p', 'a', '--greedy', '--top-p', '0.5'], 2, /--greedy was given with --top-p/);
  await refuses(['-p', 'a', '--temperature', '-1'], 2, /--temperature is "-1"/);
  await refuses(['-p', 'a', '--top-p', '2'], 2, /top-p is 2/);
  await refuses(['-p', 'a', '-n', '600'], 2, /CONTEXT_EXCEEDED[^]*at most 510/);
  await refuses(['-p', 'a', '--chat'], 3, /CHAT_TEMPLATE_MISSING/);
  await refuses(['-f', '/nowhere'], 4, /DATA_NOT_FOUND/);
});

t.test('when a text is scored, then its tokens can be listed', async (t) => {
  const file = join(t.testdir({ 'a.txt': 'Once upon' }), 'a.txt');
  const { stdout } = await cli(['score', denseModel, '--file', file, '--tokens']);
  t.match(
    stdout,
    /^id +logprob +token\n *1 +– +"<s>"\n *403 +-\d\.\d{4} +"▁Once"\n[^]*perplexity /,
  );
});
