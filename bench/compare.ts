// Compares results with those of an earlier run: ratio of medians for each figure that both have, and whether it is noise.
import { readFileSync } from 'node:fs';
import pc from 'picocolors';
import { LoraShearError } from '../lib/errors.js';
import { type Result, keyOf } from './result.js';
import type { Summary } from './statistics.js';
import { formatValue } from './table.js';

/** A figure that both runs have. */
export interface Comparison {
  readonly key: string;
  /** Median now over median then. */
  readonly ratio: number;
  /** The same of the peer that both runs measured: what the machine did meanwhile; null without one. */
  readonly peerRatio: number | null;
  /** {@link spreadOf} both runs, the larger. */
  readonly noise: number;
  /** Slower by more than a twentieth, beyond the spread of both runs, and not because the machine is. */
  readonly regressed: boolean;
  readonly before: Result;
  readonly now: Result;
}

/** Runs on one machine differ by as much without a reason that their own spread would show. */
const least = 1.05;

/** 10th to 90th percentile of the samples, as a share of their median. */
const spreadOf = ({ p10, p90, median }: Summary): number => (p90 - p10) / median;

/** In the order of `now`; the last line of `before` counts where a figure stands there twice. */
export function compareResults(now: readonly Result[], before: readonly Result[]): Comparison[] {
  const known = new Map(before.map((result) => [keyOf(result), result]));
  return now.flatMap((result): Comparison[] => {
    const key = keyOf(result);
    const then = known.get(key);
    return then === undefined ? [] : [{ key, ...compare(result, then), before: then, now: result }];
  });
}

function compare({ ours, peers }: Result, then: Result) {
  const ratio = ours.median / then.ours.median;
  const [peer] = Object.keys(peers).filter((name) => name in then.peers);
  const medianOf = ({ peers: all }: Pick<Result, 'peers'>): number =>
    all[peer ?? '']?.summary.median ?? NaN;
  const peerRatio = peer === undefined ? null : medianOf({ peers }) / medianOf(then);
  const slower = ratio > least && ours.p10 > then.ours.p90;
  return {
    ...{ ratio, peerRatio, noise: Math.max(spreadOf(ours), spreadOf(then.ours)) },
    regressed: slower && ratio / (peerRatio ?? 1) > least,
  };
}

/** @throws BENCH_REGRESSED naming the figures that regressed */
export function refuseRegressions(comparisons: readonly Comparison[]): void {
  const slower = comparisons.filter(({ regressed }) => regressed);
  if (slower.length === 0) return;
  const names = slower.map(({ key, ratio }) => `${key} (× ${ratio.toFixed(2)})`);
  throw new LoraShearError('BENCH_REGRESSED', `slower than before: ${names.join(', ')}`, {
    hint: 'measure both commits again on an idle machine before believing it',
    facts: { regressed: slower.map(({ key, ratio, noise }) => ({ key, ratio, noise })) },
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
  const lines = comparisons.map(({ key, ratio, peerRatio, noise, regressed, before, now }) => {
    const was = formatValue(before.ours.median, before.unit);
    const is = formatValue(now.ours.median, now.unit);
    const mark = regressed ? pc.red('  REGRESSED') : '';
    const peer = peerRatio === null ? '' : `, peer × ${peerRatio.toFixed(2)}`;
    const rest = pc.dim(` (spread ${(100 * noise).toFixed(0)} %${peer})`);
    return `${key.padEnd(width)}  ${was.padStart(9)} → ${is.padStart(9)}  × ${ratio.toFixed(2)}${rest}${mark}`;
  });
  return `${lines.join('\n')}\n`;
}
