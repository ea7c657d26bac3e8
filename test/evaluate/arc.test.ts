import t from 'tap';
import { arcEasy } from '../../lib/evaluate/arc.js';
import { refuses, rowsOf, sameQuestions } from '../fixtures/evaluation.js';

t.test('when documents become questions, then they are those of lm-eval', async (t) => {
  await sameQuestions(t, 'arc_easy');
  await sameQuestions(t, 'arc_challenge');
});

t.test('when labels are numbers, then the answer is found among them', async (t) => {
  const [, numbered] = await rowsOf('arc_easy');
  t.equal(arcEasy.question(numbered!).gold, 1);
});

t.test('when a question or its answer is missing, then the row is refused', async (t) => {
  await refuses(t, 'arc_easy', 'question', undefined);
  const [row] = await rowsOf('arc_easy');
  t.throws(() => arcEasy.question({ ...row, answerKey: 'F' }), {
    code: 'DATA_INVALID',
    message: /"F" is none of the labels A, B, C, D/,
  });
});
