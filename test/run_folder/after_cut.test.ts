import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { afterCut, refuseUnpruned } from '../../lib/run_folder/after_cut.js';
import { readManifest } from '../../lib/run_folder/manifest.js';
import { openRunFolder } from '../../lib/run_folder/run_folder.js';
import { smallInputs, smallJob } from '../fixtures/small_job.js';

t.test('when a run goes on after its cut, then what came before is only read', async (t) => {
  const dir = t.testdir(smallInputs);
  const job = smallJob(dir, { instruct: null });
  const begun = await openRunFolder(job.output, job);
  await begun.stage('load', {}, () => 1);
  t.throws(() => refuseUnpruned(job.output, job), { code: 'RUN_CORRUPT', hint: /prune/ });
  await begun.stage('compress', {}, () => 2);
  begun.close();

  t.throws(() => refuseUnpruned(job.output, { ...job, ratio: 0.5 }), {
    code: 'CONFIG_INVALID',
    message: /ratio is 0\.2 there, 0\.5 here/,
  });
  // instructions came since; they are no matter of the cut
  const more = smallJob(dir);
  const before = refuseUnpruned(job.output, more);
  const amended = await openRunFolder(job.output, more, { amend: true });
  const folder = afterCut(amended, before);
  const never = () => t.fail('is not done again');
  t.equal(await folder.stage('load', {}, never), 1);
  t.equal(await folder.stage('compress', {}, never), 2);
  t.equal(await folder.stage('export', {}, () => 3), 3);
  amended.close();

  // other data: the cut is not of this run
  writeFileSync(join(dir, 'data', 'train.jsonl'), '{"text":"other"}\n');
  const changed = await openRunFolder(job.output, more, { amend: true });
  await t.rejects(afterCut(changed, before).stage('load', {}, never), {
    code: 'CONFIG_INVALID',
    message: /stage load/,
  });
  changed.close();
  t.same(readManifest(job.output), before, 'the manifest is as it was');
});
