// OpenBookQA: elementary science, the answers continue the question (lm-eval `openbookqa` 1.0).
import { z } from 'zod';
import { stripStart } from './python_text.js';
import { type Task, afterOneContext, columns, labelled } from './task.js';

const schema = z.object({
  question_stem: z.string(),
  choices: z.object({ text: z.array(z.string()), label: z.array(z.string()) }),
  answerKey: z.string(),
});

export const openbookqa: Task = {
  version: 1,
  dataset: { path: 'allenai/openbookqa', name: 'main', split: 'test' },
  metrics: ['acc', 'acc_norm'],
  templates: {
    doc_to_text: 'question_stem',
    doc_to_target: '{{choices.label.index(answerKey.lstrip())}}',
    doc_to_choice: '{{choices.text}}',
  },
  question(row) {
    const { question_stem: stem, choices, answerKey } = columns(schema, row);
    const gold = labelled(choices.label, stripStart(answerKey));
    return afterOneContext(row, stem, choices.text, gold);
  },
};
