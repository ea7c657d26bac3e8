import t from 'tap';
import { refuses, sameQuestions } from '../fixtures/evaluation.js';

t.test('when documents become questions, then they are those of lm-eval', async (t) => {
  await sameQuestions(t, 'boolq');
});

t.test('when a label is neither no nor yes, then the row is refused', async (t) => {
  await refuses(t, 'boolq', 'label', 2);
});
