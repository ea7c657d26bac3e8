// What the models write after the same prompt, greedily.
import type { Section } from '../document.js';
import { text } from '../document.js';
import type { RunRecord } from '../run_record.js';
import { evaluations } from './outcome.js';

export function sample(record: RunRecord): Section | undefined {
  const found = evaluations(record).flatMap(({ model, sample }) =>
    sample ? [{ model, ...sample }] : [],
  );
  const [first] = found;
  if (!first) return undefined;
  return {
    id: 'sample',
    title: 'A sample of text',
    blocks: [
      text(
        `Each model goes on, word by word with what it finds most likely, after: “${first.prompt}”`,
      ),
      ...found.flatMap(({ model, text: written }) => [
        text(`**${model}**`),
        { kind: 'code', language: 'text', text: written } as const,
      ]),
    ],
  };
}
