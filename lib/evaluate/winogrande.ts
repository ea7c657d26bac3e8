// WinoGrande: two contexts, one for each filling of the blank, and one continuation (lm-eval `winogrande` 1.0).
import { z } from 'zod';
import { strip } from './python_text.js';
import { type Task, columns } from './task.js';

const schema = z.object({
  sentence: z.string().regex(/_/, 'no blank "_" in the sentence'),
  option1: z.string(),
  option2: z.string(),
  answer: z.literal(['1', '2']),
});

export const winogrande: Task = {
  version: 1,
  dataset: { path: 'allenai/winogrande', name: 'winogrande_xl', split: 'validation' },
  metrics: ['acc'],
  templates: {
    doc_to_text: '{{ {"1": 0, "2": 1}[answer] }}',
    doc_to_target: '{{sentence.partition("_")[2].strip()}}',
    doc_to_choice:
      '{{[sentence.partition("_")[0] + option1, sentence.partition("_")[0] + option2]}}',
  },
  question(row) {
    const { sentence, option1, option2, answer } = columns(schema, row);
    const blank = sentence.indexOf('_');
    const rest = strip(sentence.slice(blank + 1));
    const choices = [option1, option2].map((option) => sentence.slice(0, blank) + option);
    return {
      doc: row,
      pairs: choices.map((context) => [context, rest] as const),
      choices,
      gold: Number(answer) - 1,
      target: rest,
    };
  },
};
