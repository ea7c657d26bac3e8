// ARC, easy and challenge: school science with three to five answers (lm-eval `arc_easy`, `arc_challenge` 1.0).
import { z } from 'zod';
import { type Task, afterOneContext, columns, labelled } from './task.js';

const schema = z.object({
  question: z.string(),
  choices: z.object({ text: z.array(z.string()), label: z.array(z.string()) }),
  answerKey: z.string(),
});

const arc = (name: string): Task => ({
  version: 1,
  dataset: { path: 'allenai/ai2_arc', name, split: 'test' },
  metrics: ['acc', 'acc_norm'],
  templates: {
    doc_to_text: 'Question: {{question}}\nAnswer:',
    doc_to_target: '{{choices.label.index(answerKey)}}',
    doc_to_choice: '{{choices.text}}',
  },
  question(row) {
    const { question, choices, answerKey } = columns(schema, row);
    const gold = labelled(choices.label, answerKey); // letters, or numbers in some documents
    return afterOneContext(row, `Question: ${question}\nAnswer:`, choices.text, gold);
  },
});

export const arcEasy = arc('ARC-Easy');
export const arcChallenge = arc('ARC-Challenge');
