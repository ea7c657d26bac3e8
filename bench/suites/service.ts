// What a service feels of a run: how long its event loop is held, and what the job costs around its training steps.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LoraShearError } from '../../lib/errors.js';
import { type Case, type Suite, alsoAtMost, valueAtMost } from '../suite.js';

const program = fileURLToPath(new URL('../job_costs.js', import.meta.url));
const example = fileURLToPath(new URL('../../../examples/quickstart/job.yaml', import.meta.url));

function costs(what: 'delay' | 'overhead'): Record<string, number> {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, what], {
    encoding: 'utf8',
  });
  if (status === 0) return JSON.parse(stdout) as Record<string, number>;
  throw new LoraShearError('INTERNAL', `${what} could not be measured: ${stderr.trim()}`);
}

/** A job takes long: it is done once for all samples. */
function once(what: 'delay' | 'overhead', value: string): Case['prepare'] {
  return () => {
    const { [value]: first = NaN, ...also } = costs(what);
    return { measure: () => ({ values: [first], also }) };
  };
}

const delay: Case = {
  name: 'longest delay of the event loop, three runs started and one cancelled',
  ...{ unit: 's', peers: [], parameters: {} },
  targets: [valueAtMost(0.05, '< 50 ms')],
  prepare: once('delay', 'longest'),
};

const overhead: Case = {
  name: 'a run of the quickstart with half its tokens',
  ...{ unit: 's', peers: [], parameters: {} },
  targets: [alsoAtMost('share', 0.05, 'data, logging and checkpoints < 5 % of the time')],
  prepare: once('overhead', 'seconds'),
};

export const service: Suite = {
  name: 'service',
  what: "the event loop's longest delay, and a job's share outside of its steps",
  quick: false,
  threaded: false,
  // An installed package brings no example.
  cases: () => (existsSync(example) ? [delay, overhead] : []),
};
