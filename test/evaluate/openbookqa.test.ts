import t from 'tap';
import { refuses, sameQuestions } from '../fixtures/evaluation.js';

t.test('when documents become questions, then they are those of lm-eval', async (t) => {
  await sameQuestions(t, 'openbookqa');
});

t.test('when choices have no labels, then the row is refused', async (t) => {
  await refuses(t, 'openbookqa', 'choices', { text: ['a'] });
});
