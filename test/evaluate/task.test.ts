import t from 'tap';
import { z } from 'zod';
import { afterOneContext, columns, labelled } from '../../lib/evaluate/task.js';

t.test('when all choices follow one context, then each pair has it', (t) => {
  const question = afterOneContext({ id: 3 }, 'Is it?', ['no', 'yes'], 1);
  t.strictSame(question, {
    doc: { id: 3 },
    pairs: [
      ['Is it?', 'no'],
      ['Is it?', 'yes'],
    ],
    choices: ['no', 'yes'],
    gold: 1,
    target: '1',
  });
  t.end();
});

t.test('when a row has the columns, then they come typed; else the column is named', (t) => {
  const schema = z.object({ choices: z.object({ text: z.array(z.string()) }) });
  t.strictSame(columns(schema, { choices: { text: ['a'] }, other: 1 }), {
    choices: { text: ['a'] },
  });
  t.throws(() => columns(schema, { choices: { text: [1] } }), {
    code: 'DATA_INVALID',
    message: /choices\.text\.0/,
  });
  t.throws(() => columns(z.number(), {}), { code: 'DATA_INVALID' });
  t.end();
});

t.test('when a key is no label, then that is an error', (t) => {
  t.equal(labelled(['A', 'B'], 'B'), 1);
  t.throws(() => labelled(['A', 'B'], 'C'), { code: 'DATA_INVALID' });
  t.end();
});
