// What it takes to get the same result again: command, settings, versions, machine and the hashes of what was read.
import { stringify } from 'yaml';
import type { Session } from '../../run_folder/manifest.js';
import { type Section, table, text } from '../document.js';
import { bytes, duration } from '../format.js';
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
        ['started', 'package', 'libtorch', 'Node', 'processor', 'cores', 'threads'],
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
        stages.map(([stage, s]) => [stage, duration(s)]),
      ),
      table(
        ['file', 'size', 'SHA-256'],
        files.map(({ path, bytes: size, sha256 }) => [
          path,
          bytes(size),
          `\`${sha256.slice(0, 16)}…\``,
        ]),
      ),
      text('Every setting, defaults included (whole hashes are in `manifest.json`):'),
      { kind: 'code', language: 'yaml', text: stringify(job).trimEnd() },
    ],
  };
}

function sessionRow({ at, versions, machine }: Session): string[] {
  return [
    `${at.slice(0, 16).replace('T', ' ')} UTC`,
    versions.package,
    versions.libtorch ?? '–',
    versions.node,
    machine.capability === null ? machine.cpu : `${machine.cpu}, ${machine.capability}`,
    String(machine.cores),
    machine.threads === null ? '–' : String(machine.threads),
  ];
}
