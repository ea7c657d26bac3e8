// The report of a run, from the artefacts in its folder alone; also of a run that was stopped or has not ended.
import { basename } from 'node:path';
import { specName } from '../saliency/spec.js';
import type { ReportDocument, Section } from './document.js';
import { percent, whole } from './format.js';
import { toHtml } from './html.js';
import { type JsonReport, toJson } from './json.js';
import { toMarkdown } from './markdown.js';
import { missingStages, readRun, type RunRecord } from './run_record.js';
import { budget } from './sections/budget.js';
import { data } from './sections/data.js';
import { knowledge } from './sections/knowledge.js';
import { headlines, outcome } from './sections/outcome.js';
import { lhspg } from './sections/lhspg.js';
import { proof } from './sections/proof.js';
import { recovery } from './sections/recovery.js';
import { repeat } from './sections/repeat.js';
import { sample } from './sections/sample.js';
import { scores } from './sections/scores.js';
import { sizes } from './sections/sizes.js';
import { tasks } from './sections/tasks.js';
import { texts } from './sections/texts.js';
import { training } from './sections/training.js';
import { usage } from './sections/usage.js';

export interface Report {
  markdown: string;
  /** One page that needs nothing else. */
  html: string;
  /** What both show, as data. */
  data: JsonReport;
}

/** In the order of reading: what came out, then how. */
const sections: readonly ((record: RunRecord) => Section | undefined)[] = [
  outcome,
  texts,
  tasks,
  sample,
  sizes,
  budget,
  knowledge,
  scores,
  lhspg,
  training,
  recovery,
  data,
  proof,
  usage,
  repeat,
];

/**
 * The report of the run in `folder`.
 * @throws RUN_CORRUPT when the folder holds no run or a damaged artefact
 */
export function report(folder: string): Report {
  const document = compose(readRun(folder));
  return { markdown: toMarkdown(document), html: toHtml(document), data: toJson(document) };
}

function compose(record: RunRecord): ReportDocument {
  const { job, start } = record.manifest;
  const parameters =
    record.values.partition?.parameters ?? record.values.compress?.before.parameters;
  const missing = missingStages(record);
  const size = parameters === undefined ? '' : ` (${whole(parameters)} parameters)`;
  return {
    title: `${basename(job.model)}, ${percent(job.ratio, 0)} smaller`,
    subtitle: `\`${job.model}\`${size}, pruned by structure with LHSPG (\`${job.lhspg.form}\`, \`${specName(job.lhspg.saliency)}\`) and recovered on ${job.sources.map(({ name }) => name).join(', ')}${job.instruct ? ' and instructions' : ''}. Started ${start.at.slice(0, 10)}.`,
    headlines: headlines(record),
    missing,
    notice:
      missing.length === 0
        ? undefined
        : `This run has not ended: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing. Go on with \`lorashear-native run --resume ${record.folder}\`.`,
    sections: sections.flatMap((section) => section(record) ?? []),
  };
}
