// `evaluate --against` as a person calls it.
import t from 'tap';
import { comparisonText } from '../../lib/cli/comparison_table.js';
import type { ComparedResults } from '../../lib/evaluate/commands.js';
import { hub, stories } from '../fixtures/evaluation.js';
import { ptb } from '../fixtures/perplexity.js';
import { cli } from './program.js';

t.test('when a model is evaluated against another, then one table has both', async (t) => {
  const asked = ['evaluate', stories, '--against', stories, '--tasks', 'piqa,arc_easy'];
  const more = ['--perplexity', `gptq@64:ptb=${ptb}`, '--data-dir', hub, '--limit', '2'];
  const { code, stdout } = await cli([...asked, ...more]);
  t.equal(code, 0);
  t.match(stdout, /^model +\S+stories260K\nagainst +\S+stories260K\n/);
  t.match(stdout, /^ +metric +model +against +difference +kept +above chance$/m);
  t.match(stdout, /^piqa +acc +[\d.]+ +[\d.]+ +\+0\.0000 +± 0\.0000 .* 2 documents$/m);
  t.match(stdout, /^mean +acc /m);
  t.match(stdout, /^gptq@64:ptb +perplexity +([\d.]+) +\1 +\+0\.0000 +± 0\.0000$/m);

  const json = await cli([...asked, ...more, '--json']);
  t.match(JSON.parse(json.stdout) as ComparedResults, {
    ...{ model: { results: { piqa: {} } }, against: { results: { arc_easy: {} } } },
    comparison: { tasks: [{ task: 'piqa' }, {}, {}, {}], means: [{}, {}] },
  });
});

t.test('when the other model is not there, then the command says so', async (t) => {
  const asked = ['evaluate', stories, '--against', '/no/model', '--tasks', 'piqa'];
  const { code, stderr } = await cli([...asked, '--data-dir', hub, '--limit', '1']);
  t.not(code, 0);
  t.match(stderr, /CHECKPOINT_NOT_FOUND/);
});

t.test('when numbers do not compare, then the table has dashes', (t) => {
  const nothing = { documents: 1, stderr: null, kept: null, keptAboveChance: null };
  const table = comparisonText({
    ...{ model: 'a', against: 'b', means: [] },
    tasks: [
      {
        ...{ ...nothing, task: 'boolq', metric: 'acc', model: 0, against: 0.25 },
        ...{ difference: -0.25, chance: 0.5 },
      },
    ],
    perplexity: [
      {
        ...{ name: 'gptq:x', metric: 'perplexity', model: 20, against: 10 },
        ...{ difference: null, stderr: null, paired: false },
      },
    ],
  });
  t.match(table, /^boolq +acc +0\.0000 +0\.2500 +−0\.2500 +– +– +1 documents$/m);
  t.match(table, /^gptq:x +perplexity +20\.0000 +10\.0000 +– +other tokens$/m);
  t.end();
});
