// What it takes to get the same result again: command, settings, versions, machine and the hashes of what was read.
import { stringify } from 'yaml';
import type { Session } from '../../run_folder/manifest.js';
import { amount, type Cell, folded, type Section, table, text } from '../document.js';
import { bytes, duration, whole } from '../format.js';
import type { ReportedStage, RunRecord } from '../run_record.js';

export function repeat({ manifest, seconds }: RunRecord): Section {
  const { job, files, start, resumes } = manifest;
  const stages = Object.entries(seconds) as [ReportedStage, number][];
  return {
    id: 'repeat',
    title: 'Repeat this run',
    blocks: [
      text(
        `On the CPU, the same command with the same inputs, versions and number of threads gives the same weights, bit for bit; seed ${job.seed}.`,
      ),
      { kind: 'code', language: 'sh', text: start.command },
      table(
        [
          'started',
          'package',
          'libtorch',
          'Node',
          'processor',
          'cores',
          'threads',
          'memory',
          'system',
        ],
        [start, ...resumes].map(sessionRow),
      ),
      ...(resumes.length === 0
        ? []
        : [
            text(
              `Resumed ${resumes.length} time${resumes.length === 1 ? '' : 's'}: ${resumes.map(({ command }) => `\`${command}\``).join(', ')}.`,
            ),
          ]),
      table(
        ['stage', 'time'],
        stages.map(([stage, s]) => [stage, amount(s, duration)]),
      ),
      folded(
        `The ${files.length} files of model and data that were read, with SHA-256`,
        ['role', 'file', 'size', 'SHA-256'],
        files.map(({ role, path, bytes: size, sha256 }) => [
          ...[role, `\`${path}\``, amount(size, bytes), `\`${sha256}\``],
        ]),
      ),
      text('Every setting, defaults included:'),
      { kind: 'code', language: 'yaml', text: stringify(job).trimEnd() },
    ],
  };
}

function sessionRow({ at, versions, machine }: Session): Cell[] {
  return [
    `${at.slice(0, 16).replace('T', ' ')} UTC`,
    versions.package,
    versions.libtorch ?? '–',
    versions.node,
    machine.capability === null ? machine.cpu : `${machine.cpu}, ${machine.capability}`,
    amount(machine.cores, whole),
    amount(machine.threads, whole),
    amount(machine.memoryBytes, bytes),
    machine.platform,
  ];
}
