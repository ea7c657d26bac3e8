// Compares results with those of an earlier run: ratio of medians for each figure that both have.
import { readFileSync } from 'node:fs';
import pc from 'picocolors';
import { LoraShearError } from '../lib/errors.js';
import { type Result, keyOf } from './result.js';
import { formatValue } from './table.js';

/** A figure that both runs have. */
export interface Comparison {
  readonly key: string;
  /** Median now over median then. */
  readonly ratio: number;
  /** More than a tenth worse. */
  readonly regressed: boolean;
  readonly before: Result;
  readonly now: Result;
}

/** A ratio above this is marked: what is below drowns in the noise of a shared machine. */
const regression = 1.1;

/** In the order of `now`; the last line of `before` counts where a figure stands there twice. */
export function compareResults(now: readonly Result[], before: readonly Result[]): Comparison[] {
  const known = new Map(before.map((result) => [keyOf(result), result]));
  return now.flatMap((result): Comparison[] => {
    const key = keyOf(result);
    const then = known.get(key);
    if (!then) return [];
    const ratio = result.ours.median / then.ours.median;
    return [{ key, ratio, regressed: ratio > regression, before: then, now: result }];
  });
}

/**
 * The results in a file of JSONL.
 * @throws DATA_NOT_FOUND, DATA_INVALID naming the line
 */
export function readResults(path: string): Result[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new LoraShearError('DATA_NOT_FOUND', `${path} cannot be read`, {
      hint: 'give a file that an earlier run of the benchmark wrote',
      facts: { path },
      cause,
    });
  }
  return text.split('\n').flatMap((line, i): Result[] => {
    if (line.trim() === '') return [];
    try {
      const result = JSON.parse(line) as Partial<Result>;
      if (typeof result.suite === 'string' && Number.isFinite(result.ours?.median)) {
        return [result as Result];
      }
    } catch {
      // said below
    }
    throw new LoraShearError('DATA_INVALID', `${path}: line ${i + 1} is no benchmark result`, {
      hint: 'give a file that an earlier run of the benchmark wrote',
      facts: { path, line: i + 1 },
    });
  });
}

/** One line a figure. */
export function describeComparison(comparisons: readonly Comparison[]): string {
  if (comparisons.length === 0) return 'no figure of that file was measured now\n';
  const width = Math.max(...comparisons.map(({ key }) => key.length));
  const lines = comparisons.map(({ key, ratio, regressed, before, now }) => {
    const was = formatValue(before.ours.median, before.unit);
    const is = formatValue(now.ours.median, now.unit);
    const mark = regressed ? pc.red('  REGRESSED') : '';
    return `${key.padEnd(width)}  ${was.padStart(9)} → ${is.padStart(9)}  × ${ratio.toFixed(2)}${mark}`;
  });
  return `${lines.join('\n')}\n`;
}
