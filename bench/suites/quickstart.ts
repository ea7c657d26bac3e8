// The README's first command from the start of its process to its end, and how much of it are training steps.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LoraShearError } from '../../lib/errors.js';
import { type Case, type Suite, valueAtMost } from '../suite.js';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const example = at('../../../examples/quickstart/job.yaml');
const bin = at('../../../bin/lorashear-native.js');
const costs = at('../job_costs.js');

function node(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status === 0) return stdout;
  throw new LoraShearError('INTERNAL', `${args.join(' ')} failed: ${stderr.trim()}`);
}

/** Seconds of the whole command in a folder of its own. */
function wholeRun(): number {
  const dir = mkdtempSync(join(tmpdir(), 'lorashear-bench-quickstart-'));
  try {
    const start = performance.now();
    node(bin, 'run', example, '--output', join(dir, 'run'), '--json');
    return (performance.now() - start) / 1000;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const whole: Case = {
  name: 'run examples/quickstart, process start to end',
  ...{ unit: 's', peers: [], parameters: {} },
  targets: [valueAtMost(60, '< 60 s')],
  prepare() {
    const also = JSON.parse(node(costs, 'steps')) as Record<string, number>;
    return { measure: () => ({ values: [wholeRun()], also }) };
  },
};

export const quickstart: Suite = {
  name: 'quickstart',
  what: "the README's first command, and the share of its time that is not training steps",
  quick: false,
  threaded: true,
  // An installed package brings no example.
  cases: () => (existsSync(example) ? [whole] : []),
};
