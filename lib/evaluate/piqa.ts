// PIQA: which of two solutions reaches a goal (lm-eval `piqa` 1.0).
import { z } from 'zod';
import { type Task, afterOneContext, columns } from './task.js';

const schema = z.object({
  goal: z.string(),
  sol1: z.string(),
  sol2: z.string(),
  label: z.literal([0, 1]),
});

export const piqa: Task = {
  version: 1,
  dataset: { path: 'baber/piqa', name: null, split: 'validation' },
  metrics: ['acc', 'acc_norm'],
  templates: {
    doc_to_text: 'Question: {{goal}}\nAnswer:',
    doc_to_target: 'label',
    doc_to_choice: '{{[sol1, sol2]}}',
  },
  question(row) {
    const { goal, sol1, sol2, label } = columns(schema, row);
    return afterOneContext(row, `Question: ${goal}\nAnswer:`, [sol1, sol2], label);
  },
};
