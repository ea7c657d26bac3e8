// Writes out the shorthands of a job: hyphens, names that other tools use, `name: path` sources, a bare instruct path.
import { resolve } from 'node:path';
import { partsOfSpec } from '../evaluate/perplexity_word.js';

export type RawObject = Record<string, unknown>;

/** Names that users of other trainers and pruners know (conventions.md §4.7), and ours for them. */
export const aliases: Readonly<Record<string, string>> = {
  base_model: 'model',
  model_name_or_path: 'model',
  output_dir: 'output',
  pruning_ratio: 'ratio',
  cutoff_len: 'sequence_length',
  sequence_len: 'sequence_length',
  max_steps: 'steps',
  data_path: 'instruct.path',
  lora_r: 'lora.r',
  lora_alpha: 'lora.alpha',
  lora_dropout: 'lora.dropout',
};

/** Our name of a key that others call so. */
export const aliasOf = (key: string): string | undefined =>
  Object.hasOwn(aliases, key) ? aliases[key] : undefined;

/** `Model-Name-Or-Path` → `model_name_or_path`. */
export const spelling = (key: string): string => key.replaceAll('-', '_');

export function isRaw(value: unknown): value is RawObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/**
 * A copy of `raw` in the form of `jobSchema`, with paths resolved against `base`. What has the wrong type stays
 * as it is: the schema says so with words.
 */
export function normalise(raw: RawObject, base: string): RawObject {
  const job = respell(raw);
  for (const [alias, name] of Object.entries(aliases)) {
    if (!(alias in job) || hasKey(job, name)) continue;
    setKey(job, name, job[alias]);
    Reflect.deleteProperty(job, alias);
  }
  if (isRaw(job['sources'])) {
    job['sources'] = Object.entries(job['sources']).map(([name, path]) => ({ name, path }));
  }
  if (typeof job['instruct'] === 'string') job['instruct'] = { path: job['instruct'] };
  const { checkpointing } = job;
  if (typeof checkpointing === 'boolean') job['checkpointing'] = checkpointing ? 'blocks' : 'none';
  const perplexity = perplexityOf(job['evaluation']);

  const places: [unknown, string][] = [
    [job, 'model'],
    [job, 'output'],
    [job['instruct'], 'path'],
    [job['instruct'], 'validation'],
    [job['evaluation'], 'data_dir'],
    ...perplexity.map((spec): [unknown, string] => [spec, 'path']),
    ...(Array.isArray(job['sources']) ? job['sources'] : []).map((s): [unknown, string] => [
      s,
      'path',
    ]),
  ];
  for (const [owner, key] of places) {
    if (!isRaw(owner)) continue;
    const path = owner[key];
    if (typeof path === 'string' && path !== '') owner[key] = resolve(base, path);
  }
  return job;
}

/** Writes out `gptq:wikitext2` and its like; what has another form stays. */
function perplexityOf(evaluation: unknown): unknown[] {
  if (!isRaw(evaluation) || !Array.isArray(evaluation['perplexity'])) return [];
  const given: unknown[] = evaluation['perplexity'];
  const specs = given.map((spec) =>
    typeof spec === 'string' ? (partsOfSpec(spec) ?? spec) : spec,
  );
  evaluation['perplexity'] = specs;
  return specs;
}

/** A deep copy with underscores in all keys but the names of sources. */
function respell(raw: RawObject): RawObject {
  const copy = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(copy);
    if (!isRaw(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [spelling(k), copy(v)]));
  };
  const job = copy(raw) as RawObject;
  const { sources } = raw;
  if (isRaw(sources)) job['sources'] = { ...sources };
  return job;
}

/** The value at a dotted key exists. */
export function hasKey(raw: RawObject, key: string): boolean {
  let at: unknown = raw;
  for (const part of key.split('.')) {
    if (!isRaw(at) || !Object.hasOwn(at, part)) return false;
    at = at[part];
  }
  return true;
}

/** Sets the value at a dotted key; what lies in between becomes an object. */
export function setKey(raw: RawObject, key: string, value: unknown): void {
  const parts = key.split('.');
  let at = raw;
  for (const part of parts.slice(0, -1)) {
    const next = member(at, part);
    const inner: RawObject = isRaw(next) ? next : {};
    if (inner !== next) setMember(at, part, inner);
    at = inner;
  }
  setMember(at, parts.at(-1) as string, value);
}

/** What the object itself says; `constructor` and `__proto__` are keys like any other. */
export const member = (raw: RawObject, key: string): unknown =>
  Object.hasOwn(raw, key) ? raw[key] : undefined;

/** Sets a key of the object itself, whatever it is called. */
export function setMember(raw: RawObject, key: string, value: unknown): void {
  Object.defineProperty(raw, key, { value, enumerable: true, writable: true, configurable: true });
}
