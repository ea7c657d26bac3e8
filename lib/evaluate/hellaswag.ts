// HellaSwag: which of four endings follows (lm-eval `hellaswag` 1.0).
import { z } from 'zod';
import { capitalize, strip } from './python_text.js';
import { type Task, afterOneContext, columns } from './task.js';

const schema = z.object({
  activity_label: z.string(),
  ctx_a: z.string(),
  ctx_b: z.string(),
  endings: z.array(z.string()),
  label: z.string().regex(/^\d+$/, 'no index of an ending'),
});

/** Removes WikiHow's marks, as lm-eval's `preprocess` does. */
function clean(text: string): string {
  return strip(text)
    .replaceAll(' [title]', '. ')
    .replace(/\[[^\n]*?\]/g, '')
    .replaceAll('  ', ' ');
}

export const hellaswag: Task = {
  version: 1,
  dataset: { path: 'Rowan/hellaswag', name: null, split: 'validation' },
  metrics: ['acc', 'acc_norm'],
  templates: { doc_to_text: '{{query}}', doc_to_target: '{{label}}', doc_to_choice: 'choices' },
  question(row) {
    const { activity_label: activity, ctx_a, ctx_b, endings, label } = columns(schema, row);
    const query = clean(`${activity}: ${ctx_a} ${capitalize(ctx_b)}`);
    const choices = endings.map(clean);
    const gold = Number(label);
    return afterOneContext({ ...row, query, choices, gold }, query, choices, gold);
  },
};
