// BoolQ: a passage and a yes/no question about it (lm-eval `boolq` 2.0).
import { z } from 'zod';
import { type Task, afterOneContext, columns } from './task.js';

const schema = z.object({
  passage: z.string(),
  question: z.string(),
  label: z.literal([0, 1]),
});

export const boolq: Task = {
  version: 2,
  dataset: { path: 'aps/super_glue', name: 'boolq', split: 'validation' },
  metrics: ['acc'],
  templates: {
    doc_to_text: '{{passage}}\nQuestion: {{question}}?\nAnswer:',
    doc_to_target: 'label',
    doc_to_choice: ['no', 'yes'],
  },
  question(row) {
    const { passage, question, label } = columns(schema, row);
    const context = `${passage}\nQuestion: ${question}?\nAnswer:`;
    return afterOneContext(row, context, ['no', 'yes'], label);
  },
};
