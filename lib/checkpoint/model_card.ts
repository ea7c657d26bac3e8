// README.md of an exported model: what was cut, how, and how to load it.
import type { RawConfig } from '../models/model.js';

/** What the caller states about the model; sizes are read from the two configs. */
export interface ModelCard {
  readonly title: string;
  /** How the model was made, one paragraph each. */
  readonly paragraphs?: readonly string[];
  /** Rows of a table, for example ["perplexity, stories", "8.6 (dense 8.4)"]. */
  readonly facts?: readonly (readonly [label: string, value: string])[];
  /** Parameters of the dense model. */
  readonly denseParameters?: number;
  /** Licence id of Hugging Face; the licence of the dense model usually goes on to hold. */
  readonly license?: string;
}

const sizes = [
  ['query heads per layer', 'num_attention_heads'],
  ['kv heads per layer', 'num_key_value_heads'],
  ['MLP channels per layer', 'intermediate_size'],
  ['layers', 'num_hidden_layers'],
  ['hidden size', 'hidden_size'],
] as const;

const count = (n: number): string => n.toLocaleString('en-US');
const number = (value: unknown): string => (typeof value === 'number' ? count(value) : '–');
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Markdown with the front matter that model hubs read. */
export function modelCard(card: ModelCard, { dense, cut, parameters, note }: CardSizes): string {
  const parts = [
    [
      '---',
      'library_name: transformers',
      'pipeline_tag: text-generation',
      'tags: [lorashear, pruned]',
      ...(card.license === undefined ? [] : [`license: ${card.license}`]),
      '---',
    ].join('\n'),
    `# ${card.title}`,
  ];
  if (card.denseParameters !== undefined) {
    const removed = ((1 - parameters / card.denseParameters) * 100).toFixed(1);
    parts.push(
      `${count(parameters)} parameters: ${removed} % of the ${count(card.denseParameters)} of the dense model were removed as whole structures.`,
    );
  }
  parts.push(...(card.paragraphs ?? []));
  parts.push(
    table(
      ['size', 'dense', 'this model'],
      sizes
        .filter(([, key]) => cut[key] !== undefined)
        .map(([label, key]) => [label, number(dense[key]), number(cut[key])]),
    ),
  );
  if (card.facts && card.facts.length > 0) parts.push(table(['', ''], card.facts));
  parts.push(
    '## Loading\n\nAn ordinary checkpoint, no custom code:\n\n```python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\nmodel = AutoModelForCausalLM.from_pretrained("path/to/this/folder")\ntokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")\n```',
  );
  if (note !== undefined)
    parts.push(`\`model_type\` is \`${String(cut['model_type'])}\`: ${note}.`);
  parts.push('Made with lorashear-native.');
  return `${parts.join('\n\n')}\n`;
}

interface CardSizes {
  readonly dense: RawConfig;
  readonly cut: RawConfig;
  /** Parameters of the cut model, tied ones once. */
  readonly parameters: number;
  /** Why the model type is not the dense model's. */
  readonly note: string | undefined;
}
