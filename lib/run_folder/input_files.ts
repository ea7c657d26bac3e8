// What a run is made from, by content: the files of the model and of the data, with their SHA-256.
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '../checkpoint/load.js';
import { weightFiles } from '../checkpoint/hf_index.js';
import type { Job } from '../config/job.js';
import { fileHash } from '../data/file_hash.js';
import { findFiles } from '../data/files.js';
import { LoraShearError } from '../errors.js';

export interface InputFile {
  role: 'model' | 'data' | 'instructions';
  path: string;
  bytes: number;
  sha256: string;
}

/** Files beside the weights that decide what a model is. */
const modelFiles = [
  'config.json',
  'generation_config.json',
  'model.safetensors.index.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
];

/**
 * Every file that the job reads, hashed; sorted by path.
 * @throws CHECKPOINT_NOT_FOUND, CHECKPOINT_INVALID, CHECKPOINT_UNSUPPORTED, DATA_NOT_FOUND, DATA_INVALID
 */
export async function inputFiles(
  job: Job,
  stop: () => void = () => undefined,
): Promise<InputFile[]> {
  readConfig(job.model);
  const model = [
    ...weightFiles(job.model),
    ...modelFiles.map((name) => join(job.model, name)).filter((path) => existsSync(path)),
  ];
  const data: string[] = [];
  for (const { path } of job.sources) data.push(...(await bothSplits(path)));
  const instructions: string[] = [];
  if (job.instruct) {
    const { path, validation } = job.instruct;
    instructions.push(...(await bothSplits(path)));
    if (validation !== undefined)
      instructions.push(...(await findFiles(validation, 'validation')).files);
  }
  const found: InputFile[] = [];
  for (const path of model) found.push(await describe('model', path, stop));
  for (const path of new Set(data)) found.push(await describe('data', path, stop));
  for (const path of new Set(instructions)) {
    if (!data.includes(path)) found.push(await describe('instructions', path, stop));
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function bothSplits(path: string): Promise<string[]> {
  const [train, validation] = [await findFiles(path, 'train'), await findFiles(path, 'validation')];
  return [...train.files, ...validation.files];
}

async function describe(
  role: InputFile['role'],
  path: string,
  stop: () => void,
): Promise<InputFile> {
  try {
    const { size } = await stat(path);
    const hash = await fileHash(path, stop);
    return { role, path, bytes: size, sha256: hash.toString('hex') };
  } catch (cause) {
    if (cause instanceof LoraShearError) throw cause;
    const code = role === 'model' ? 'CHECKPOINT_NOT_FOUND' : 'DATA_NOT_FOUND';
    throw new LoraShearError(code, `${path} cannot be read: ${(cause as Error).message}`, {
      hint: 'check that the file exists and is readable',
      facts: { path },
      cause,
    });
  }
}
