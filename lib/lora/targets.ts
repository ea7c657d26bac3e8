// Which linears carry LoRA: PEFT's target_modules, exclude_modules and layers_to_transform (peft tuners/tuners_utils.py).
import { closest, distance } from 'fastest-levenshtein';
import { LoraShearError } from '../errors.js';
import type { Model } from '../models/model.js';
import { Linear } from '../nn/linear.js';

/**
 * Names of modules, each the whole path or its end behind a dot (`q_proj`, `self_attn.q_proj`), or one regular
 * expression that the whole path must match.
 */
export type Pattern = string | readonly string[];

export interface Targets {
  /** `all-linear` is every linear of the blocks, without the head. */
  readonly targets: Pattern;
  readonly exclude: Pattern | null;
  /** Numbers of the layers that a list of targets is for; null for all. */
  readonly layersToTransform: readonly number[] | null;
  /** Names of the modules that hold numbered layers; null for any. */
  readonly layersPattern: readonly string[] | null;
}

const allLinear = 'all-linear';

export const isAllLinear = (targets: Pattern): boolean =>
  typeof targets === 'string' && targets.toLowerCase() === allLinear;

/** Every linear that can carry LoRA by its path: those of the blocks in their order, then others such as an untied head. */
export function everyLinear(model: Model): Map<string, Linear> {
  const found = new Map(model.linears());
  for (const [path, module] of model.modules()) {
    if (module instanceof Linear && !found.has(path)) found.set(path, module);
  }
  return found;
}

/**
 * The linears that PEFT would give LoRA, in the model's order; a pattern that matches nothing does not matter here.
 * @throws CONFIG_INVALID for a regular expression that JavaScript does not read
 */
export function targetedLinears(model: Model, chosen: Targets): Map<string, Linear> {
  const all = isAllLinear(chosen.targets);
  const found = [...(all ? model.linears() : everyLinear(model))].filter(
    ([path]) =>
      !(chosen.exclude !== null && matches(chosen.exclude, path)) &&
      (all || isTarget(chosen, path)),
  );
  return new Map(found);
}

function isTarget({ targets, layersToTransform, layersPattern }: Targets, path: string): boolean {
  if (!matches(targets, path)) return false;
  // In PEFT a name in full is meant whatever its layer; a regular expression says its layers itself.
  if (layersToTransform === null || typeof targets === 'string' || targets.includes(path)) {
    return true;
  }
  const layer = layerOf(path, layersPattern);
  return layer !== null && layersToTransform.includes(layer);
}

/** The first number of a layer in the path (`model.layers.3.mlp.up_proj` → 3), or null. */
function layerOf(path: string, holders: readonly string[] | null): number | null {
  const names = holders === null || holders.length === 0 ? ['[^.]*'] : holders;
  for (const name of names) {
    const before = holders === null || holders.length === 0 ? '.*?\\.' : '(?:.*?\\.)?';
    const [, index] = regular(`${before}(?:${name})\\.(\\d+)\\..*`).exec(path) ?? [];
    if (index !== undefined) return Number(index);
  }
  return null;
}

/** Does PEFT's `pattern` mean the module at `path`? @throws CONFIG_INVALID */
export function matches(pattern: Pattern, path: string): boolean {
  if (typeof pattern === 'string') return regular(pattern).test(path);
  return pattern.some((name) => path === name || path.endsWith(`.${name}`));
}

/** Does this key of rank_pattern or alpha_pattern, a regular expression of the path's end, mean `path`? */
export const keyMatches = (key: string, path: string): boolean =>
  regular(`(?:.*\\.)?(?:${key})`).test(path);

const compiled = new Map<string, RegExp>();

/** A regular expression of Python, for whole strings. Unicode mode refuses what JavaScript would read otherwise. */
function regular(pattern: string): RegExp {
  const known = compiled.get(pattern);
  if (known) return known;
  try {
    const made = new RegExp(`^(?:${pattern.replaceAll('(?P<', '(?<')})$`, 'u');
    compiled.set(pattern, made);
    return made;
  } catch (cause) {
    const seen = `the pattern ${JSON.stringify(pattern)} is no regular expression here`;
    throw new LoraShearError('CONFIG_INVALID', seen, {
      hint: 'use what Python and JavaScript both read, or a list of module names',
      facts: { pattern },
      cause,
    });
  }
}

/**
 * {@link targetedLinears}, for a user's own options: every pattern must match something.
 * @param keys those of rank and alpha patterns, which must match a target
 * @throws CONFIG_INVALID with the nearest name
 */
export function chosenLinears(
  model: Model,
  chosen: Targets,
  keys: readonly string[] = [],
): Map<string, Linear> {
  const known = [...everyLinear(model).keys()];
  const { targets, exclude } = chosen;
  const named = (pattern: Pattern | null): readonly Pattern[] =>
    typeof pattern === 'string' ? [pattern] : (pattern ?? []).map((name) => [name]);
  for (const pattern of [...(isAllLinear(targets) ? [] : named(targets)), ...named(exclude)]) {
    if (!known.some((path) => matches(pattern, path))) throw matchesNothing(pattern, known);
  }
  const found = targetedLinears(model, chosen);
  if (found.size === 0) {
    throw new LoraShearError('CONFIG_INVALID', 'the targets of LoRA leave no linear', {
      hint: 'exclude fewer modules, or name other layers',
      facts: { ...chosen },
    });
  }
  for (const key of keys) {
    const paths = [...found.keys()];
    if (!paths.some((path) => keyMatches(key, path))) throw matchesNothing(key, paths);
  }
  return found;
}

function matchesNothing(pattern: Pattern, paths: readonly string[]): LoraShearError {
  const text = typeof pattern === 'string' ? pattern : pattern.join();
  const ends = [...new Set(paths.flatMap(endsOf))];
  const levels = text.split('.').length;
  const alike = ends.filter((end) => end.split('.').length === levels);
  const near = closest(text, alike.length > 0 ? alike : ends);
  const meant =
    typeof pattern === 'string' && ends.includes(text)
      ? `a string is a regular expression for the whole path: for modules of this name give [${JSON.stringify(text)}]`
      : distance(text, near) <= near.length / 2
        ? `did you mean ${JSON.stringify(near)}?`
        : '';
  const kinds = [...new Set(paths.map((path) => path.slice(path.lastIndexOf('.') + 1)))].join(', ');
  throw new LoraShearError('CONFIG_INVALID', `no linear matches ${JSON.stringify(text)}`, {
    hint: `${meant === '' ? '' : `${meant} `}(the linears are ${kinds})`,
    facts: { pattern: text, nearest: near, known: [...paths] },
  });
}

/** `a.b.c` → `c`, `b.c`, `a.b.c` */
function endsOf(path: string): string[] {
  const parts = path.split('.');
  return parts.map((_, i) => parts.slice(parts.length - 1 - i).join('.'));
}

/** From this many names on PEFT shortens the list in adapter_config.json. */
const manyNames = 20;

/** `paths` as PEFT lists them: in full, or where there are many, the shortest ends that mean no other module. */
export function shortNames(paths: readonly string[], modules: Iterable<string>): string[] {
  if (paths.length < manyNames) return [...paths];
  const wanted = new Set(paths);
  const others = new Set([...modules].filter((name) => !wanted.has(name)).flatMap(endsOf));
  const names = paths.map((path) => endsOf(path).find((end) => !others.has(end)) ?? path);
  return [...new Set(names)];
}
