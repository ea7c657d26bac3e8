// A page of results: one HTML file without scripts, ours beside the peers by suite, with the machine that measured.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LoraShearError } from '../../lib/errors.js';
import {
  type Block,
  type ReportDocument,
  type Section,
  amount,
  folded,
  table,
  text,
} from '../../lib/report/document.js';
import { bytes, whole } from '../../lib/report/format.js';
import { toHtml } from '../../lib/report/html.js';
import { readResults } from '../compare.js';
import type { Machine, Result } from '../result.js';
import { formatValue, significant } from '../table.js';
import { limitChart, speedChart, times } from './charts.js';
import { latest, limitFigures, met, peerFigures } from './figures.js';

/**
 * What stands in the files of a folder but for `except`; `quality-….jsonl` and `recovery-….jsonl` are rows of other tables.
 * @throws DATA_NOT_FOUND without results, DATA_INVALID naming a file and line
 */
export function resultsIn(folder: string, except?: string): Result[] {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const paths = names
    .filter((name) => name.endsWith('.jsonl') && !/^(quality|recovery)-/.test(name))
    .sort()
    .map((name) => join(folder, name));
  if (paths.length === 0) {
    throw new LoraShearError('DATA_NOT_FOUND', `${folder} holds no results`, {
      hint: 'measure first: lorashear-native bench',
      facts: { folder },
    });
  }
  return paths.filter((path) => path !== except).flatMap(readResults);
}

/** The page; `suites` gives the line that says what a suite is. */
export function resultsPage(
  results: readonly Result[],
  suites: readonly { readonly name: string; readonly what: string }[],
): string {
  return toHtml(pageDocument(latest(results), suites));
}

function pageDocument(
  results: readonly Result[],
  suites: readonly { readonly name: string; readonly what: string }[],
): ReportDocument {
  const dates = results.map(({ date }) => date.slice(0, 10)).sort();
  const peers = peerFigures(results);
  const targets = results
    .flatMap((result) => result.targets)
    .filter((target) => target.met !== null);
  const kept = targets.filter((target) => target.met).length;
  const ahead = peers.filter((figure) => figure.times > 1).length;
  const differ = results.filter(({ agrees }) => !agrees);
  const place = (name: string): number => {
    const at = suites.findIndex((suite) => suite.name === name);
    return at < 0 ? suites.length : at;
  };
  const names = [...new Set(results.map(({ suite }) => suite))].sort((a, b) => place(a) - place(b));
  return {
    title: 'Benchmark',
    subtitle: `lorashear-native beside its peers, measured ${dates[0] ?? '–'} to ${dates.at(-1) ?? '–'}; the latest result of each figure.`,
    headlines: [
      headline('targets met', kept, `of ${targets.length} that could be judged`),
      headline('ahead of the peer', ahead, `of ${peers.length} figures with a peer`),
      headline('figures', results.length, `in ${names.length} suites`),
    ],
    missing: [],
    notice:
      differ.length === 0
        ? undefined
        : `Ours and a peer computed different results: ${differ.map((result) => `${result.suite}, ${result.case}`).join('; ')}.`,
    sections: [
      ...names.map((name) =>
        suiteSection(
          name,
          suites.find((suite) => suite.name === name)?.what ?? '',
          results.filter(({ suite }) => suite === name),
        ),
      ),
      machineSection(results),
    ],
    footer: 'Made by `lorashear-native bench --page`; docs/benchmarks.md explains every figure.',
  };
}

const headline = (label: string, value: number, note: string) => ({
  ...{ label, value: amount(value, whole), note },
});

function suiteSection(name: string, what: string, results: readonly Result[]): Section {
  const figures = peerFigures(results);
  const limits = limitFigures(results);
  const missed = figures.filter((figure) => met(figure) === false).length;
  const compared = results.some(({ unit }) => unit === '×')
    ? "Growth of the peer's time over that of ours"
    : 'How many times as fast as the peer';
  const blocks: Block[] = [
    text(
      `${capital(what)}.${missed === 0 ? '' : ` **${missed} of ${figures.length} figures beside a peer miss their target.**`}`,
    ),
    ...(figures.length > 0
      ? [speedChart(`${compared} (right is better; the line is the peer)`, figures)]
      : []),
    ...(limits.length > 0
      ? [limitChart('Share of what the machine reaches (the line is all of it)', limits)]
      : []),
    figures.length + limits.length > 0
      ? folded('Every figure', figureHead, results.map(figureRow))
      : table(figureHead, results.map(figureRow)),
  ];
  return { id: `suite-${name}`, title: name, blocks };
}

const figureHead = ['case', 'device', 'threads', 'ours', '10 % – 90 %', 'peers', 'targets', 'load'];

function figureRow({ unit, ours, peers, targets, also, load, ...result }: Result) {
  const show = (value: number): string => formatValue(value, unit);
  const beside = Object.entries(peers).map(
    ([peer, { summary, ratio }]) =>
      `${peer} ${show(summary.median)} (${times(1 / ratio).shown} as fast)`,
  );
  const more = Object.entries(also).map(([key, value]) => `${key} ${significant(value)}`);
  const verdict = { true: 'met', false: '**missed**', null: 'not measured' } as const;
  return [
    ...[result.case, result.device, amount(result.threads, String), amount(ours.median, show)],
    ...[`${show(ours.p10)} – ${show(ours.p90)}`, [...beside, ...more].join('\n')],
    targets.map(({ text: asked, met: is }) => `${asked}: ${verdict[`${is}`]}`).join('\n'),
    `${load.before.toFixed(1)} → ${load.after.toFixed(1)}`,
  ];
}

/** Each machine, device, number of threads and commit that measured, with what it can do. */
function machineSection(results: readonly Result[]): Section {
  const runs = new Map<string, { result: Result; figures: number }>();
  for (const result of results) {
    const { machine, device, threads } = result;
    const key = [machine.cpu, machine.gpu, device, threads, machine.commit].join('|');
    const { figures } = runs.get(key) ?? { figures: 0 };
    runs.set(key, { result, figures: figures + 1 });
  }
  const giga = (rate: number) => amount(rate / 1e9, significant);
  return {
    id: 'machine',
    title: 'The machine',
    blocks: [
      text(
        'Rates are measured in our own process at the start of each suite: on a machine that others use, too, they tell what was left of it.',
      ),
      table(
        [
          'machine',
          'device',
          'threads',
          'commit',
          'figures',
          'copy GB/s',
          'read GB/s',
          'GEMM fp32 GFLOP/s',
          'GEMM bf16 GFLOP/s',
          'software',
        ],
        [...runs.values()].map(({ result: { machine, device, threads }, figures }) => [
          ...[describe(machine), device, amount(threads, String), machine.commit],
          ...[amount(figures, whole), giga(machine.rates.copy), giga(machine.rates.read)],
          ...[giga(machine.rates.gemmFloat32), giga(machine.rates.gemmBfloat16)],
          software(machine),
        ]),
      ),
    ],
  };
}

const describe = ({ cpu, gpu, cores, caches, memoryBytes }: Machine): string =>
  [
    `${cpu}, ${cores} cores`,
    caches.join(', '),
    bytes(memoryBytes),
    ...(gpu === null ? [] : [gpu]),
  ].join('\n');

const software = ({ ours, peer, system }: Machine): string =>
  [
    `libtorch ${ours['libtorch'] ?? '?'}, Node ${ours['node'] ?? '?'}`,
    ...(peer ? [`peer: torch ${peer['torch'] ?? '?'}, Python ${peer['python'] ?? '?'}`] : []),
    system,
  ].join('\n');

const capital = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);
