// A model of a run folder once more, in another form or for other engines.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type {
  CutArtefact,
  EvaluationArtefact,
  ExportArtefact,
  RecoveryArtefact,
} from '../artefacts.js';
import type { Form } from '../checkpoint/form_of.js';
import type { Context } from '../context.js';
import { LoraShearError } from '../errors.js';
import type { StageName } from '../events.js';
import type { EngineName } from '../plan/engines/names.js';
import { readArtefact } from '../run_folder/artefact_file.js';
import { readManifest } from '../run_folder/manifest.js';
import { loadTokenizer } from '../tokenizer/tokenizer.js';
import { cardOf } from './card.js';
import { exportRun } from './export_run.js';
import { readCorpus } from './read_corpus.js';
import { probeOf } from './windows.js';

export interface ExportAgain {
  readonly run: string;
  readonly output: string;
  readonly form?: Form | undefined;
  readonly maxShardBytes?: number | undefined;
  readonly engines?: readonly EngineName[] | undefined;
}

/** Stages that leave a cut model, the last first. */
const stages: readonly StageName[] = ['recover-instruct', 'recover-pretraining', 'compress'];

/**
 * Exports the last model that the run in `run` has: recovered, or at least cut.
 * @throws RUN_CORRUPT when there is no run, or none that came so far; and as {@link exportRun}
 */
export async function exportAgain(
  ctx: Context,
  { run, output, form, maxShardBytes, engines }: ExportAgain,
): Promise<ExportArtefact> {
  const { job } = readManifest(run);
  const folderOf = (stage: StageName): string => join(run, 'checkpoints', stage);
  const last = stages.find(
    (stage) => readArtefact(run, stage) && existsSync(join(folderOf(stage), 'model.safetensors')),
  );
  const cut = readArtefact<CutArtefact>(run, 'compress');
  if (!last || !cut) {
    throw new LoraShearError('RUN_CORRUPT', `the run in ${run} has no cut model yet`, {
      hint: `go on with \`lorashear-native prune ${run}\` or \`run --resume ${run}\``,
      facts: { run },
    });
  }
  const dense = readArtefact<EvaluationArtefact>(run, 'evaluate-dense')?.value ?? null;
  const recovery = (['recover-pretraining', 'recover-instruct'] as const).flatMap(
    (stage) => readArtefact<RecoveryArtefact>(run, stage)?.value ?? [],
  );
  const tokenizer = loadTokenizer(job.model);
  const corpus = await readCorpus(ctx, job, tokenizer, join(run, 'tokens'));
  const wanted = {
    ...job,
    export: {
      form: form ?? job.export.form,
      maxShardBytes: maxShardBytes ?? job.export.maxShardBytes,
    },
    cut: { ...job.cut, engines: engines ?? job.cut.engines },
  };
  return exportRun(ctx, wanted, {
    ...{ from: folderOf(last), to: output, probe: probeOf(job, corpus.validation) },
    card: cardOf(job, last === 'compress' ? null : dense, cut.value, recovery),
  });
}
