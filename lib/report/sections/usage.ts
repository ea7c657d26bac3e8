// How to use the model that was made.
import { isAbsolute, relative } from 'node:path';
import { type Section, text } from '../document.js';
import type { RunRecord } from '../run_record.js';

export function usage({ folder, values }: RunRecord): Section | undefined {
  const { export: exported } = values;
  if (!exported) return undefined;
  const inside = relative(folder, exported.dir);
  const dir =
    inside === '' || inside.startsWith('..') || isAbsolute(inside) ? exported.dir : inside;
  return {
    id: 'usage',
    title: 'Use the model',
    blocks: [
      text('It is an ordinary checkpoint; no code of ours is needed. From this folder:'),
      {
        kind: 'code',
        language: 'python',
        text: [
          'from transformers import AutoModelForCausalLM, AutoTokenizer',
          '',
          `model = AutoModelForCausalLM.from_pretrained(${JSON.stringify(dir)})`,
          `tokenizer = AutoTokenizer.from_pretrained(${JSON.stringify(dir)})`,
          'inputs = tokenizer("Once upon a time", return_tensors="pt", return_token_type_ids=False)',
          'print(tokenizer.decode(model.generate(**inputs, max_new_tokens=60)[0]))',
        ].join('\n'),
      },
    ],
  };
}
