// The export stage: a model of a run becomes a folder that engines load, and is loaded again to prove it.
import type { ExportArtefact } from '../artefacts.js';
import { exportModel } from '../checkpoint/model_folder.js';
import type { ModelCard } from '../checkpoint/model_card.js';
import { verifyExport } from '../compress/verify.js';
import type { Job } from '../config/job.js';
import type { Context } from '../context.js';
import { scoped } from '../tensor/scope.js';
import { type TokenBatch, tokensOf } from '../train/language_model_loss.js';
import { openWorkingModel } from './working_model.js';

export interface ExportInput {
  /** Folder of the model between stages. */
  readonly from: string;
  /** Folder that appears, whole or not at all. */
  readonly to: string;
  readonly probe: TokenBatch;
  readonly card: ModelCard;
}

/** @throws EXPORT_FORM, OUTPUT_OCCUPIED, OUTPUT_FAILED, CUT_NOT_EQUAL */
export function exportRun(
  ctx: Context,
  job: Pick<Job, 'model' | 'dtype' | 'export'> & { cut: Pick<Job['cut'], 'engines'> },
  { from, to, probe, card }: ExportInput,
): ExportArtefact {
  using model = openWorkingModel(ctx, job, from);
  const { form, maxShardBytes } = job.export;
  const { engines } = job.cut;
  const exported = exportModel(model, to, {
    ...{ from: job.model, card, form, maxShardBytes },
    ...(engines.length > 0 ? { engines } : {}),
  });
  const equality = scoped(() => verifyExport(ctx, to, model, tokensOf(probe, model.device)));
  ctx.emit({ type: 'saved', path: to, what: 'model' });
  return { ...exported, equality };
}
