// README.md of an exported model: what was cut, how, and how to load it.
import type { LayerRow } from '../compress/layer_table.js';
import { llamaSizes } from '../models/llama_config.js';
import type { RawConfig } from '../models/model.js';
import type { SizeKeys } from '../models/sizes.js';
import type { Verdict } from '../plan/engines/engine.js';
import type { Form } from './form_of.js';
import type { Waste } from './model_folder.js';

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

const sizesOf = (
  keys: SizeKeys,
): readonly (readonly [label: string, key: string | undefined])[] => [
  ['query heads per layer', keys.heads],
  ['kv heads per layer', keys.kvHeads],
  ['MLP channels per layer', keys.channels],
  ['experts per layer', keys.experts],
  ['channels per expert', keys.expertChannels === keys.channels ? undefined : keys.expertChannels],
  ['layers', keys.layers],
  ['hidden size', keys.width],
];

const count = (n: number): string => n.toLocaleString('en-US');
const number = (value: unknown): string => (typeof value === 'number' ? count(value) : '–');
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Markdown with the front matter that model hubs read. */
export function modelCard(
  card: ModelCard,
  { dense, cut, parameters, note, keys = llamaSizes, shaped, waste }: CardSizes,
): string {
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
  const kept = parameters - (waste?.parameters ?? 0);
  if (card.denseParameters !== undefined) {
    const removed = ((1 - kept / card.denseParameters) * 100).toFixed(1);
    parts.push(
      `${count(kept)} parameters: ${removed} % of the ${count(card.denseParameters)} of the dense model were removed as whole structures.`,
    );
  }
  if (waste) parts.push(wasteText(parameters, waste));
  parts.push(...(card.paragraphs ?? []));
  parts.push(
    table(
      ['size', 'dense', 'this model'],
      sizesOf(keys).flatMap(([label, key = '']) =>
        cut[key] === undefined ? [] : [[label, number(dense[key]), number(cut[key])]],
      ),
    ),
  );
  const layers = shaped ? layerRows(shaped.layers) : undefined;
  if (layers) parts.push(layers);
  if (card.facts && card.facts.length > 0) parts.push(table(['', ''], card.facts));
  parts.push(loading(shaped));
  if (note !== undefined)
    parts.push(`\`model_type\` is \`${String(cut['model_type'])}\`: ${note}.`);
  if (shaped && shaped.engines.length > 0) parts.push(enginesTable(shaped.engines));
  parts.push('Made with lorashear-native.');
  return `${parts.join('\n\n')}\n`;
}

/** `1,200 of its 5,000 parameters (4,800 bytes) are zeros …` */
export function wasteText(parameters: number, waste: Waste): string {
  const share = ((waste.parameters / parameters) * 100).toFixed(1);
  return `${count(waste.parameters)} of its ${count(parameters)} parameters (${share} %, ${count(waste.bytes)} bytes) are zeros that make all layers alike; they change nothing that it computes.`;
}

/** What each layer keeps, where they differ. */
function layerRows(layers: readonly LayerRow[]): string | undefined {
  const columns = [
    ['query heads', 'heads'],
    ['kv heads', 'kvHeads'],
    ['MLP channels', 'channels'],
    ['experts', 'experts'],
    ['channels per expert', 'expertChannels'],
  ] as const;
  if (new Set(layers.map((row) => JSON.stringify(row))).size < 2) return undefined;
  const used = columns.filter(([, key]) => layers.some((row) => row[key] !== undefined));
  return table(
    ['layer', ...used.map(([label]) => label)],
    layers.map((row, i) => [String(i), ...used.map(([, key]) => number(row[key] ?? null))]),
  );
}

function loading(shaped: CardSizes['shaped']): string {
  const files = Object.keys(shaped?.files ?? {});
  const isPerLayer = shaped?.form === 'per-layer';
  if (isPerLayer && files.length === 0) {
    return '## Loading\n\nIts layers have different sizes (`per_layer_config`), which no class of transformers builds for this family. lorashear-native loads it.';
  }
  const trust = isPerLayer ? ', trust_remote_code=True' : '';
  const what = isPerLayer
    ? `Its layers have different sizes, which ${files.map((file) => `\`${file}\``).join(', ')} builds:`
    : 'An ordinary checkpoint, no custom code:';
  return `## Loading\n\n${what}\n\n\`\`\`python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\nmodel = AutoModelForCausalLM.from_pretrained("path/to/this/folder"${trust})\ntokenizer = AutoTokenizer.from_pretrained("path/to/this/folder"${trust})\n\`\`\``;
}

function enginesTable(engines: readonly Verdict[]): string {
  return table(
    ['engine', 'takes it', 'why not'],
    engines.map(({ engine, loads, rules }) => [
      engine,
      loads ? 'yes' : 'no',
      rules.flatMap(({ ok, rule, detail }) => (ok ? [] : [`${rule}: ${detail}`])).join('; '),
    ]),
  );
}

export interface CardSizes {
  readonly dense: RawConfig;
  readonly cut: RawConfig;
  /** Parameters of what is written, tied ones once. */
  readonly parameters: number;
  /** Why the model type is not the dense model's. */
  readonly note: string | undefined;
  /** Names of the sizes in the two; default LLaMA's. */
  readonly keys?: SizeKeys;
  readonly shaped?: {
    readonly form: Form;
    readonly layers: readonly LayerRow[];
    readonly files: Readonly<Record<string, string>>;
    readonly engines: readonly Verdict[];
  };
  readonly waste?: Waste | undefined;
}
