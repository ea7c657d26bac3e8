import t from 'tap';
import { commandLine, normaliseArguments } from '../../lib/cli/arguments.js';

t.test('when flags have underscores or other tools’ names, then they become ours', async (t) => {
  const cases: [string[], string[]][] = [
    [
      ['run', '--model_name_or_path', 'm'],
      ['run', '--model', 'm'],
    ],
    [
      ['--base-model=m', '--base_model', 'm'],
      ['--model=m', '--model', 'm'],
    ],
    [
      ['--batch_size=8', '--dry_run'],
      ['--batch-size=8', '--dry-run'],
    ],
    [
      ['--output_dir', 'o', '--pruning-ratio', '0.5'],
      ['--output', 'o', '--ratio', '0.5'],
    ],
    [
      ['--max_steps=3', '--data_path', 'd'],
      ['--steps=3', '--instruct', 'd'],
    ],
    [
      ['--source', 'a_b=c_d', '-r', '0.2'],
      ['--source', 'a_b=c_d', '-r', '0.2'],
    ],
  ];
  for (const [typed, meant] of cases) t.same(normaliseArguments(typed), meant);
});

t.test('when a flag names a key of a job, then it becomes an override', async (t) => {
  t.same(
    normaliseArguments(['--lhspg.periods', '3', '--lora-r=4', '--recovery.learning-rate=1e-3']),
    ['lhspg.periods=3', 'lora.r=4', 'recovery.learning_rate=1e-3'],
  );
});

t.test('when a flag is called as what every object has, then it stays a flag', async (t) => {
  t.same(normaliseArguments(['run', '--constructor', 'x']), ['run', '--constructor', 'x']);
  t.same(normaliseArguments(['--toString=1']), ['--toString=1']);
});

t.test('when words follow --, then they stay as they are', async (t) => {
  t.same(normaliseArguments(['--', '--base_model', 'x']), ['--', '--base_model', 'x']);
});

t.test('when the command is written down, then it can be pasted into a shell', async (t) => {
  t.equal(
    commandLine(['run', 'my job.yaml', "it's", '--ratio=0.2', 'evaluation.tasks=[boolq]']),
    `lorashear-native run 'my job.yaml' 'it'\\''s' --ratio=0.2 'evaluation.tasks=[boolq]'`,
  );
});
