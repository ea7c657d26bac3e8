// Puts the report beside the artefacts that it was made from.
import { join } from 'node:path';
import { writeAtomic } from '../run_folder/atomic_write.js';
import { report } from './report.js';

export interface WrittenReport {
  /** Paths of the two files. */
  markdown: string;
  html: string;
}

/**
 * Writes report.md and report.html into the run folder `folder`.
 * @throws RUN_CORRUPT when it holds no run or a damaged one, OUTPUT_FAILED
 */
export function writeReport(folder: string): WrittenReport {
  const { markdown, html } = report(folder);
  const paths = { markdown: join(folder, 'report.md'), html: join(folder, 'report.html') };
  writeAtomic(paths.html, html);
  writeAtomic(paths.markdown, markdown);
  return paths;
}
