// The texts that perplexity is measured on: WikiText-2 of the hub cache, PTB and others from files.
import { parquet } from '../data/parquet.js';
import { readTextFile } from '../data/text_file.js';
import { LoraShearError } from '../errors.js';
import { readHubSplit } from './hub_cache.js';
import type { PerplexitySpec } from './perplexity_spec.js';
import type { EvaluationText } from './protocols/protocol.js';
import { strip } from './python_text.js';

/** WikiText-2 raw, the test split. */
const wikitext = {
  path: 'Salesforce/wikitext',
  name: 'wikitext-2-raw-v1',
  split: 'test',
} as const;

/**
 * `wikitext2` comes from the hub cache, or from a file: parquet with the column `text`, or wiki.test.raw. `ptb` is a file
 * with one sentence a line (ptb.valid.txt), any other name a file in UTF-8.
 * @throws LoraShearError `DATA_NOT_FOUND` with where it looked, `DATA_INVALID`, `DATA_EMPTY` for a text without a word
 */
export async function readEvaluationText(
  { text: name, path }: Pick<PerplexitySpec, 'text' | 'path'>,
  dataDir: string,
): Promise<EvaluationText> {
  const text = { name, path: path ?? null, ...(await read(name, path, dataDir)) };
  if (strip(text.whole) !== '') return text;
  throw new LoraShearError('DATA_EMPTY', `the text ${name} has no words`, {
    hint: 'give a file with text in it',
    facts: { name, path },
  });
}

async function read(
  name: string,
  path: string | undefined,
  dataDir: string,
): Promise<Pick<EvaluationText, 'rows' | 'whole'>> {
  if (name === 'wikitext2') {
    const rows = path === undefined ? await hubRows(dataDir) : await rowsOf(path);
    // The data set leaves lines of a single space empty; the file that lm-eval's articles are cut from has them.
    return { rows, whole: rows.map((row) => (row === '' ? ' \n' : row)).join('') };
  }
  if (path === undefined) throw noFile(name);
  const whole = await readTextFile(path);
  if (name !== 'ptb') return { rows: [whole], whole };
  const lines = whole.replace(/\r?\n$/, '').split('\n');
  return { rows: lines.map(strip), whole };
}

async function hubRows(dataDir: string): Promise<string[]> {
  return textColumn(await readHubSplit(dataDir, wikitext), 'the hub cache');
}

async function rowsOf(path: string): Promise<string[]> {
  if (!path.endsWith('.parquet')) {
    const lines = (await readTextFile(path)).split(/(?<=\n)/);
    return lines.map((line) => (strip(line) === '' ? '' : line));
  }
  const rows = [];
  for await (const { value } of parquet.records(path, { columns: ['text'] })) rows.push(value);
  return textColumn(rows, path);
}

function textColumn(rows: readonly unknown[], where: string): string[] {
  return rows.map((row, i) => {
    const text = (row as Readonly<Record<string, unknown>>)['text'];
    if (typeof text === 'string') return text;
    throw new LoraShearError('DATA_INVALID', `row ${i} of ${where} has no text`, {
      hint: 'the column "text" must hold strings; download the data set again',
      facts: { where, row: i },
    });
  });
}

function noFile(name: string): LoraShearError {
  return new LoraShearError('DATA_NOT_FOUND', `the text "${name}" has no file`, {
    hint:
      name === 'ptb'
        ? 'PTB is licensed: name its file, ptb=PATH/ptb.valid.txt, with one sentence a line'
        : `name its file, ${name}=PATH; only wikitext2 is read from the hub cache`,
    facts: { name },
  });
}
