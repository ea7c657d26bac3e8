// Results for people: ours, each peer with its ratio, bytes against bandwidth, and the figures that must be met.
import pc from 'picocolors';
import type { Result } from './result.js';
import type { Summary } from './statistics.js';
import type { Unit } from './suite.js';

/** Three significant digits with the unit that fits. */
export function formatValue(value: number, unit: Unit): string {
  if (unit === 'MiB') return `${value.toFixed(value < 10 ? 2 : 1)} MiB`;
  if (unit === '×') return `${significant(value)} ×`;
  const [factor, name] =
    timeUnits.find(([f]) => Math.abs(value) * f >= 1) ?? ([1e9, 'ns'] as const);
  return `${significant(value * factor)} ${name}`;
}
const timeUnits = [
  [1, 's'],
  [1e3, 'ms'],
  [1e6, 'µs'],
  [1e9, 'ns'],
] as const;

/** Three significant digits, never in powers of ten. */
export const significant = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);

const spread = (summary: Summary, unit: Unit): string =>
  `${formatValue(summary.median, unit).padStart(9)}  ${pc.dim(
    `(${formatValue(summary.p10, unit)} – ${formatValue(summary.p90, unit)})`.padEnd(25),
  )}`;

const mark = (met: boolean | null): string =>
  met === null ? pc.dim('not measured') : met ? pc.green('met') : pc.red('MISSED');

/** The lines of one result. */
export function describeResult(result: Result): string {
  const { unit, roofline, compute } = result;
  const lines = [pc.bold(result.case)];
  const row = (name: string, summary: Summary, rest: string): void => {
    lines.push(`  ${name.padEnd(8)} ${spread(summary, unit)} ${rest}`.trimEnd());
  };
  const limits = [
    ...(roofline ? [describeRoofline(roofline)] : []),
    ...(compute ? [describeCompute(compute)] : []),
  ];
  row('ours', result.ours, limits.join(', '));
  for (const [form, { summary, ratio, disagreement, waitPolicy }] of Object.entries(result.peers)) {
    const differs = disagreement === null ? '' : `, differs ${disagreement.toExponential(0)}`;
    const waits = waitPolicy === 'default' ? '' : `, ${waitPolicy} waiting`;
    const faster = unit === 's' ? ` (${significant(1 / ratio)} × faster)` : '';
    const times = `ours / theirs ${significant(ratio)}${faster}`;
    row(form, summary, `${times}${pc.dim(`${differs}${waits}`)}`);
  }
  for (const [name, value] of Object.entries(result.also)) lines.push(`  ${name}: ${value}`);
  for (const { text, value, met } of result.targets) {
    const seen = value === null ? '' : ` ${pc.dim(`(${significant(value)})`)}`;
    lines.push(`  target   ${text}: ${mark(met)}${seen}`);
  }
  if (!result.agrees) lines.push(pc.red('  ours and theirs computed different results'));
  return `${lines.join('\n')}\n`;
}

function describeRoofline({ bytes, bandwidth, times }: NonNullable<Result['roofline']>): string {
  const of = (kind: keyof typeof times, name: string): string =>
    `${significant(100 / times[kind])} % of ${name} (${significant(bandwidth[kind] / 1e9)} GB/s)`;
  return `${significant(bytes / 1e6)} MB, ${of('copy', 'copying')}, ${of('inPlace', 'changing in place')}`;
}

const describeCompute = ({ flops, rate, share }: NonNullable<Result['compute']>): string =>
  `${significant(flops / 1e9)} GFLOP, ${significant(100 * share)} % of the GEMM rate (${significant(rate / 1e9)} GFLOP/s)`;

/** What stands above the results of a suite. */
export function describeMachine({ suite, device, threads, machine, load }: Result): string {
  const { rates, ours, peer } = machine;
  const g = (rate: number): string => significant(rate / 1e9);
  const versions = `libtorch ${ours['libtorch'] ?? '?'}, Node ${ours['node'] ?? '?'}`;
  const theirs = peer ? `, peer torch ${peer['torch'] ?? '?'}` : '';
  return [
    pc.bold(`${suite} on ${device}, ${threads} thread${threads === 1 ? '' : 's'}`),
    pc.dim(`${machine.cpu}, ${machine.cores} cores, ${machine.caches.join(', ')}`),
    ...(machine.gpu === null ? [] : [pc.dim(machine.gpu)]),
    pc.dim(`${versions}${theirs}, commit ${machine.commit}, load ${load.before.toFixed(1)}`),
    pc.dim(
      `copy ${g(rates.copy)}, in place ${g(rates.inPlace)}, read ${g(rates.read)} GB/s; ` +
        `GEMM fp32 ${g(rates.gemmFloat32)}, bf16 ${g(rates.gemmBfloat16)} GFLOP/s`,
    ),
    '',
  ].join('\n');
}
