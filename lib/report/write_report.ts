// Puts the report beside the artefacts that it was made from.
import { join } from 'node:path';
import { readArtefact } from '../run_folder/artefact_file.js';
import { writeAtomic, writeJson } from '../run_folder/atomic_write.js';
import type { JsonReport } from './json.js';
import { report } from './report.js';

export interface WrittenReport {
  /** Paths of the three files. */
  markdown: string;
  html: string;
  json: string;
}

/** Where the report of the run in `folder` lies. */
export const reportPaths = (folder: string): WrittenReport => ({
  markdown: join(folder, 'report.md'),
  html: join(folder, 'report.html'),
  json: join(folder, 'report.json'),
});

/**
 * Writes report.md and report.html into the run folder `folder`.
 * @returns the same as data: the value of the stage that leaves report.json
 * @throws RUN_CORRUPT when it holds no run or a damaged one, OUTPUT_FAILED
 */
export function writePages(folder: string): JsonReport {
  const { markdown, html, data } = report(folder);
  const paths = reportPaths(folder);
  writeAtomic(paths.html, html);
  writeAtomic(paths.markdown, markdown);
  return data;
}

/**
 * Makes the report of a run again, ended or not, with report.json; a run that goes on makes its own at its end.
 * @throws as {@link writePages}
 */
export function writeReport(folder: string): WrittenReport {
  const start = performance.now();
  const inputHash = readArtefact(folder, 'report')?.inputHash ?? '';
  const value = writePages(folder);
  const paths = reportPaths(folder);
  const seconds = (performance.now() - start) / 1000;
  writeJson(paths.json, { stage: 'report', inputHash, seconds, value });
  return paths;
}
