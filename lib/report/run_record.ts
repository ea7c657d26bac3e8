// All that a run folder knows, read and not computed: the report is made from this and nothing else (design §1, 24).
import type { StageArtefacts } from '../artefacts.js';
import { type Manifest, readManifest } from '../run_folder/manifest.js';
import { readArtefact, type Timings } from '../run_folder/artefact_file.js';

export type ReportedStage = keyof StageArtefacts;

const reported = [
  'load',
  'trace',
  'partition',
  'knowledge',
  'budget',
  'lhspg',
  'compress',
  'evaluate-dense',
  'evaluate-cut',
  'recover-pretraining',
  'recover-instruct',
  'export',
  'evaluate-recovered',
] as const satisfies readonly ReportedStage[];

export interface RunRecord {
  readonly folder: string;
  readonly manifest: Manifest;
  /** What each stage that ended left; a run that was stopped lacks the later ones. */
  readonly values: Readonly<Partial<StageArtefacts>>;
  readonly seconds: Readonly<Partial<Record<ReportedStage, number>>>;
  readonly timings: Readonly<Partial<Record<ReportedStage, Timings>>>;
}

/** @throws RUN_CORRUPT when the folder holds no run or a damaged one */
export function readRun(folder: string): RunRecord {
  const manifest = readManifest(folder);
  const values: Record<string, unknown> = {};
  const seconds: Partial<Record<ReportedStage, number>> = {};
  const timings: Partial<Record<ReportedStage, Timings>> = {};
  for (const stage of reported) {
    const artefact = readArtefact<StageArtefacts[typeof stage]>(folder, stage);
    if (!artefact) continue;
    values[stage] = artefact.value;
    seconds[stage] = artefact.seconds;
    if (artefact.timings) timings[stage] = artefact.timings;
  }
  return { folder, manifest, values, seconds, timings };
}

/** What every session repeats before the first step. */
const repeated: readonly ReportedStage[] = ['load', 'trace', 'partition'];

/** Stages that the job asks for and that have not ended. */
export function missingStages({ manifest, values }: RunRecord): ReportedStage[] {
  const wanted = reported.filter(
    (stage) =>
      !repeated.includes(stage) && (stage !== 'recover-instruct' || manifest.job.instruct !== null),
  );
  return wanted.filter((stage) => values[stage] === undefined);
}
