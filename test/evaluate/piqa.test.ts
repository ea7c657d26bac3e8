import t from 'tap';
import { refuses, sameQuestions } from '../fixtures/evaluation.js';

t.test('when documents become questions, then they are those of lm-eval', async (t) => {
  await sameQuestions(t, 'piqa');
});

t.test('when a solution is missing, then the row is refused', async (t) => {
  await refuses(t, 'piqa', 'sol2', null);
});
