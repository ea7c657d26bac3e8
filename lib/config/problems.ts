// Every problem of a job in words: where it is (JSON path), what was seen, what may be meant.
import { closest, distance } from 'fastest-levenshtein';
import { z } from 'zod';
import { aliases, isRaw, type RawObject } from './normalise.js';
import { jobSchema } from './schema.js';

export interface Problem {
  /** `lhspg.periods`, `sources.web.path`; '' for the job as a whole. */
  path: string;
  message: string;
}

type Issue = z.core.$ZodIssue;

/** What the schema found, one problem for each place. */
export function problemsOf(issues: readonly Issue[], job: RawObject): Problem[] {
  return issues.flatMap((issue) => {
    const path = pathOf(issue.path, job);
    const meant = branchOf(issue, valueAt(job, issue.path));
    if (meant) return problemsOf(meant, job);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => unknownKey(path === '' ? key : `${path}.${key}`, key));
    }
    return [{ path, message: inWords(issue, valueAt(job, issue.path)) }];
  });
}

/** Of a value that may be several things, the issues of the one that it looks like. */
function branchOf(issue: Issue, value: unknown): Issue[] | undefined {
  if (issue.code !== 'invalid_union' || issue.message !== 'Invalid input') return undefined;
  const looksLike = (branch: readonly Issue[]): boolean =>
    branch.every(({ code, path }) => {
      if (path.length > 0) return true;
      return isRaw(value) ? code !== 'invalid_value' : code !== 'invalid_type';
    });
  return issue.errors
    .find(looksLike)
    ?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

function inWords(issue: Issue, value: unknown): string {
  const seen = value === undefined ? 'is missing' : `is ${JSON.stringify(value)}`;
  switch (issue.code) {
    case 'invalid_type':
      if (value === undefined) return seen;
      return custom(issue) === undefined
        ? `${seen}, not ${article(issue.expected)}`
        : `${seen}; ${issue.message}`;
    case 'invalid_value': {
      const known = issue.values.map(String);
      return `${seen}; known are ${known.join(', ')}${suggestion(String(value), known)}`;
    }
    case 'too_small':
      if (issue.origin === 'string') return 'is empty';
      if (issue.origin === 'array') return custom(issue) ?? 'is empty';
      return `${seen}, which is not ${issue.inclusive ? 'at least' : 'more than'} ${String(issue.minimum)}`;
    case 'too_big':
      return `${seen}, which is not ${issue.inclusive ? 'at most' : 'less than'} ${String(issue.maximum)}`;
    default:
      return `${seen}; ${issue.message}`;
  }
}

/** A message of our own; zod's begin with a word for the kind of failure and a colon. */
function custom({ message }: Issue): string | undefined {
  return /^(Too|Invalid) \w+:/.test(message) ? undefined : message;
}

const article = (type: string) =>
  type === 'int' ? 'a whole number' : `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;

function unknownKey(path: string, key: string): Problem {
  const all = [...dottedKeys(z.toJSONSchema(jobSchema, { io: 'input' })), ...Object.keys(aliases)];
  const sameLeaf = all.filter((known) => known !== path && leaf(known) === key);
  const meant =
    sameLeaf.length > 0 ? `; did you mean ${sameLeaf.join(' or ')}?` : suggestion(path, all);
  return { path, message: `is no key of a job${meant || suggestion(key, all)}` };
}

const leaf = (dotted: string) => dotted.slice(dotted.lastIndexOf('.') + 1);

/** `; did you mean X?` where X is near enough to be meant. */
function suggestion(value: string, known: readonly string[]): string {
  if (known.length === 0) return '';
  const near = closest(value, known);
  const far = distance(value, near);
  return far <= Math.ceil(0.4 * near.length) && far < value.length ? `; did you mean ${near}?` : '';
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
}

/** Every key that a job may have, `lhspg.periods`; of a list the keys of its items. */
function dottedKeys(schema: JsonSchema | z.core.JSONSchema.JSONSchema, prefix = ''): string[] {
  const { properties = {}, items, anyOf = [] } = schema as JsonSchema;
  return [
    ...Object.entries(properties).flatMap(([key, inner]) => [
      prefix + key,
      ...dottedKeys(inner, `${prefix}${key}.`),
    ]),
    ...(items ? dottedKeys(items, prefix) : []),
    ...anyOf.flatMap((inner) => dottedKeys(inner, prefix)),
  ];
}

function valueAt(job: unknown, path: readonly PropertyKey[]): unknown {
  let at = job;
  for (const key of path) at = (at as Record<PropertyKey, unknown> | null | undefined)?.[key];
  return at;
}

/** Items of `sources` by their name, others by their index. */
function pathOf(path: readonly PropertyKey[], job: RawObject): string {
  return path
    .map((key, i) => {
      if (typeof key !== 'number') return i === 0 ? String(key) : `.${String(key)}`;
      const item = valueAt(job, path.slice(0, i + 1));
      const name = isRaw(item) ? item['name'] : undefined;
      return path[0] === 'sources' && typeof name === 'string' && name !== ''
        ? `.${name}`
        : `[${key}]`;
    })
    .join('');
}
