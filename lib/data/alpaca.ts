// Instructions in Alpaca's format {instruction, input, output}, and the two prompt templates in use for them.
import { LoraShearError } from '../errors.js';
import type { Split } from './document.js';
import { findFiles } from './files.js';
import { formats } from './formats.js';
import { heldOut, type HoldoutOptions } from './holdout.js';
import type { StopSignal } from './stop_signal.js';

export interface Instruction {
  instruction: string;
  /** Context of the instruction; '' when it has none. */
  input: string;
  output: string;
}

const withInput =
  'Below is an instruction that describes a task, paired with an input that provides further context. ' +
  'Write a response that appropriately completes the request.\n\n' +
  '### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:';
const withoutInput =
  'Below is an instruction that describes a task. ' +
  'Write a response that appropriately completes the request.\n\n' +
  '### Instruction:\n{instruction}\n\n### Response:';

/**
 * `stanford`: tatsu-lab/stanford_alpaca, train.py. `alpaca-lora`: tloen/alpaca-lora and LLM-Pruner
 * (utils/prompter.py), which put a line end after `### Response:`.
 */
export const templates = {
  stanford: { withInput, withoutInput },
  'alpaca-lora': { withInput: `${withInput}\n`, withoutInput: `${withoutInput}\n` },
} as const;

export type TemplateName = keyof typeof templates;

/** The text in front of the response. */
export function promptOf({ instruction, input }: Instruction, template: TemplateName): string {
  const { withInput, withoutInput } = templates[template];
  const values = { instruction, input };
  return (input === '' ? withoutInput : withInput).replace(
    /\{(instruction|input)\}/g,
    (_, field: keyof typeof values) => values[field],
  );
}

/**
 * Reads a file or folder of instructions (JSON array, JSON Lines or parquet). Splits are found, or held out,
 * as for a text source; `holdout: 'none'` takes all entries where no validation files are on disk.
 * @throws LoraShearError `DATA_NOT_FOUND`, `DATA_INVALID` with the entry that is not in the format, `DATA_EMPTY`.
 */
export async function readInstructions(
  path: string,
  options: {
    split?: Split | undefined;
    holdout?: HoldoutOptions | 'none' | undefined;
    signal?: StopSignal | undefined;
  } = {},
): Promise<Instruction[]> {
  const { split = 'train', holdout, signal } = options;
  const found = await findFiles(path, split);
  const { files, format } = found;
  const divide = found.shared && holdout !== 'none';
  const entries: Instruction[] = [];
  for (const file of files) {
    for await (const { value, where } of formats[format].records(file, { signal })) {
      entries.push(entryOf(file, where, value));
    }
  }
  if (entries.length === 0 || (divide && entries.length < 2)) {
    throw new LoraShearError(
      'DATA_EMPTY',
      `${path} holds ${entries.length === 0 ? 'no instruction' : 'one instruction only, none to hold out'}`,
      { hint: 'give more entries {"instruction", "input", "output"}', facts: { path } },
    );
  }
  if (!divide) return entries;
  const validation = heldOut(entries.length, holdout);
  return entries.filter((_, i) => validation.has(i) === (split === 'validation'));
}

function entryOf(file: string, where: string, value: unknown): Instruction {
  const fields =
    value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {};
  const { instruction, output } = fields;
  const input = fields['input'] ?? '';
  if (typeof instruction === 'string' && typeof output === 'string' && typeof input === 'string') {
    return { instruction, input, output };
  }
  const seen = Object.entries(fields).map(([name, field]) => `${name}: ${typeof field}`);
  throw new LoraShearError(
    'DATA_INVALID',
    `${file}, ${where}, is not in Alpaca's format; it has ${seen.join(', ') || 'no fields'}`,
    {
      hint: 'each entry needs the strings "instruction" and "output", and may have "input"',
      facts: { file, where },
    },
  );
}
