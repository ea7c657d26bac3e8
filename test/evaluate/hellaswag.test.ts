import t from 'tap';
import { refuses, sameQuestions } from '../fixtures/evaluation.js';

t.test('when documents become questions, then they are those of lm-eval', async (t) => {
  await sameQuestions(t, 'hellaswag');
});

t.test('when no ending is marked as right, then the row is refused', async (t) => {
  await refuses(t, 'hellaswag', 'label', '');
});
