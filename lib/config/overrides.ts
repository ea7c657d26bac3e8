// `key=value` and flags on top of a job: `lhspg.periods=3`, `evaluation.tasks=[boolq]`, `sources.web=data/web`.
import { parse } from 'yaml';
import { LoraShearError } from '../errors.js';
import {
  aliasOf,
  isRaw,
  member,
  normalise,
  type RawObject,
  setKey,
  setMember,
  spelling,
} from './normalise.js';
import { saliencyKeys } from './saliency_keys.js';

/** `key=value` with a YAML value, or a dotted key and its value as it is. */
export type Override = string | readonly [key: string, value: unknown];

/**
 * Sets each override in `job`, a normalised one, in order. Paths are relative to `base`.
 * @throws CONFIG_INVALID for text that is no `key=value`
 */
export function applyOverrides(
  job: RawObject,
  overrides: readonly Override[],
  base: string,
): RawObject {
  const result = structuredClone(job);
  for (const override of overrides) {
    const [key, value] = typeof override === 'string' ? split(override) : override;
    set(result, key.startsWith('sources.') ? key : spelling(key), value, base);
  }
  return result;
}

function split(override: string): [string, unknown] {
  const at = override.indexOf('=');
  if (at < 1) {
    throw new LoraShearError('CONFIG_INVALID', `"${override}" is no key=value`, {
      hint: 'write overrides as `ratio=0.3` or `lhspg.periods=3`',
      facts: { override },
    });
  }
  return [override.slice(0, at), valueOf(override, override.slice(at + 1))];
}

function valueOf(override: string, text: string): unknown {
  try {
    return parse(text) as unknown;
  } catch (cause) {
    throw new LoraShearError('CONFIG_INVALID', `the value of "${override}" is no YAML`, {
      hint: 'put quotes around text with special characters',
      facts: { override },
      cause,
    });
  }
}

function set(job: RawObject, key: string, value: unknown, base: string): void {
  const name = aliasOf(key) ?? key;
  if (name.startsWith('sources.') && typeof value === 'string') {
    const source = { name: name.slice('sources.'.length), path: value };
    const list: unknown[] = Array.isArray(job['sources']) ? job['sources'] : [];
    const others = list.filter((s) => !isRaw(s) || s['name'] !== source.name);
    job['sources'] = [
      ...others,
      ...(normalise({ sources: [source] }, base)['sources'] as object[]),
    ];
    return;
  }
  const given: RawObject = {};
  setKey(given, name, value);
  const [top] = name.split('.') as [string];
  merge(job, { [top]: member(normalise(given, base), top) });
}

function merge(into: RawObject, from: RawObject): void {
  for (const [key, value] of Object.entries(from)) {
    const old = member(into, key);
    const whole = saliencyKeys.some(([, name]) => name === key);
    if (!whole && isRaw(old) && isRaw(value)) merge(old, value);
    else setMember(into, key, value);
  }
}
