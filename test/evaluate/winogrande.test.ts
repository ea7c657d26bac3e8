import t from 'tap';
import { refuses, sameQuestions } from '../fixtures/evaluation.js';

t.test('when documents become questions, then they are those of lm-eval', async (t) => {
  await sameQuestions(t, 'winogrande');
});

t.test('when a sentence has no blank, then the row is refused', async (t) => {
  await refuses(t, 'winogrande', 'sentence', 'There is no gap.');
});
