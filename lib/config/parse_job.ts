// From what a file, a program or flags say to a complete job; every problem is told at once.
import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { hubCacheFolder } from '../data/hub_cache.js';
import { LoraShearError } from '../errors.js';
import { camelKeys } from './camel_keys.js';
import { defaultSources, placeHubSources, whereDefaults } from './hub_sources.js';
import type { Job } from './job.js';
import { aliases, hasKey, isRaw, normalise, type RawObject } from './normalise.js';
import { applyOverrides, type Override } from './overrides.js';
import { type Problem, problemsOf } from './problems.js';
import { spellSaliencies } from './saliency_keys.js';
import { defaultSequenceLength, defaultTokens, jobSchema } from './schema.js';

export interface ParseOptions {
  /** Relative paths of `input` start here. Default: the working directory. */
  base?: string | undefined;
  /** `key=value` on top; their paths start at the working directory. */
  overrides?: readonly Override[] | undefined;
  /** Named in errors. */
  file?: string | undefined;
  /** Where relative paths of the overrides and the default output start. */
  cwd?: string | undefined;
  /** Hugging Face hub cache in which datasets are found by name. Default: the user's, without the environment. */
  hub?: string | undefined;
}

/**
 * Checks `input` (see docs/job.schema.json) and fills in every default.
 * @throws CONFIG_INVALID with every problem; `facts.problems` holds them one by one
 */
export function parseJob(input: unknown, options: ParseOptions = {}): Job {
  const { cwd = process.cwd(), overrides = [], file = 'the job' } = options;
  if (!isRaw(input)) {
    throw invalid(file, [{ path: '', message: 'is not a map of keys and values' }]);
  }
  const raw = applyOverrides(normalise(input, options.base ?? cwd), overrides, cwd);
  const hub = options.hub ?? hubCacheFolder();
  placeHubSources(raw, [options.base ?? cwd, cwd], hub);
  defaultSources(raw, hub);
  spellSaliencies(raw);
  const contradicting = contradictions(raw);
  const parsed = jobSchema.safeParse(raw);
  const problems = [
    ...contradicting,
    ...(parsed.success ? [] : problemsOf(parsed.error.issues, raw)),
  ];
  const noText = raw['sources'] === undefined;
  if (!parsed.success || problems.length > 0) throw invalid(file, problems, noText ? hub : null);
  const { steps, ...given } = camelKeys(parsed.data);
  const context = contextOf(given.model);
  const sequenceLength =
    given.sequenceLength ?? Math.min(defaultSequenceLength, context ?? defaultSequenceLength);
  if (context !== undefined && sequenceLength > context) {
    const message = `is ${sequenceLength}, more than the model's context of ${context}`;
    throw invalid(file, [{ path: 'sequence_length', message }]);
  }
  const odd = contradictingCut(given);
  if (odd) throw invalid(file, [odd]);
  const perStep = given.batchSize * sequenceLength;
  const { knowledge, lhspg } = parsed.data; // names of saliencies are no keys to convert
  return {
    ...given,
    knowledge: { ...given.knowledge, proxy: knowledge.proxy },
    lhspg: { ...given.lhspg, saliency: lhspg.saliency },
    output: given.output ?? resolve(cwd, 'runs', `${basename(given.model)}-${given.ratio}`),
    sequenceLength,
    tokens: steps === undefined ? (given.tokens ?? defaultTokens) : steps * perStep,
  };
}

/** What no single key can tell. Takes out of `raw` what would be told twice. */
function contradictions(raw: RawObject): Problem[] {
  const problems: Problem[] = [];
  if (raw['tokens'] !== undefined && raw['steps'] !== undefined) {
    problems.push({ path: 'steps', message: 'says the same as tokens; give one of them' });
  }
  // `instruct: null` leaves the stage out, whatever else a file says of it.
  if (isRaw(raw['instruct_tuning']) && raw['instruct'] === undefined) {
    const message =
      'needs instructions to train on; give instruct, or instruct: null to leave it out';
    problems.push({ path: 'instruct_tuning', message });
  }
  const evaluation = isRaw(raw['evaluation']) ? raw['evaluation'] : {};
  const { limit = null, tasks = [] } = evaluation;
  if (limit !== null && Array.isArray(tasks) && tasks.length === 0) {
    const message = 'counts the documents of tasks; name some in evaluation.tasks';
    problems.push({ path: 'evaluation.limit', message });
  }
  for (const [alias, name] of Object.entries(aliases)) {
    if (!hasKey(raw, alias)) continue;
    problems.push({ path: alias, message: `says the same as ${name}; give one of them` });
    Reflect.deleteProperty(raw, alias);
  }
  const names = (Array.isArray(raw['sources']) ? raw['sources'] : []).map((source) =>
    isRaw(source) ? source['name'] : undefined,
  );
  for (const [i, name] of names.entries()) {
    if (typeof name === 'string' && names.indexOf(name) < i) {
      problems.push({ path: `sources.${name}`, message: 'is there twice' });
    }
  }
  return problems;
}

/** What of the cut and the export does not go together. */
function contradictingCut({ cut, export: { form } }: Pick<Job, 'cut' | 'export'>): Problem | null {
  const { allocation, kvHeads } = cut;
  if (allocation !== 'layer' && form === 'uniform') {
    const message = `is ${allocation}, which leaves layers of different sizes; give export.form padded or per-layer`;
    return { path: 'cut.allocation', message };
  }
  if (allocation !== 'layer' && kvHeads !== 'auto') {
    return {
      path: 'cut.kv_heads',
      message: 'is a number for every layer; it needs allocation layer',
    };
  }
  return null;
}

/** Positions that the model can take; undefined when its config does not say (the load stage judges it). */
function contextOf(model: string): number | undefined {
  const path = join(model, 'config.json');
  if (!existsSync(path)) return undefined;
  try {
    const config = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown> | null;
    const context = config?.['max_position_embeddings'];
    return Number.isInteger(context) && (context as number) > 1 ? (context as number) : undefined;
  } catch {
    return undefined;
  }
}

/** @param hub the hub cache's folder where the job names no text and none was found there */
function invalid(
  file: string,
  problems: readonly Problem[],
  hub: string | null = null,
): LoraShearError {
  const lines = problems.map(({ path, message }) => `${path} ${message}`.trim());
  const message =
    lines.length === 1
      ? `${file}: ${lines[0] as string}`
      : `${file} has ${lines.length} problems:\n${lines.map((line) => `  - ${line}`).join('\n')}`;
  return new LoraShearError('CONFIG_INVALID', message, {
    hint:
      hub !== null
        ? noSources(hub)
        : 'docs/job.schema.json lists every key; `lorashear-native run --help` shows the flags',
    facts: { file, problems, ...(hub !== null ? whereDefaults(hub) : {}) },
  });
}

function noSources(hub: string): string {
  const [command = ''] = whereDefaults(hub).commands;
  return (
    'name text to prune and recover with: `--source web=data/web`, once for each kind of text; a parquet, JSONL, JSON or text file, or a folder with train* and validation* files. ' +
    `Or put texts of the paper into the hub cache, which are then the default: \`${command}\`, or any other of docs/data.md; none is in ${hub} (HF_HUB_CACHE, HF_HOME)`
  );
}
