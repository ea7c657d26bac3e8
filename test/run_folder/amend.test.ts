// A run folder that another job goes on in.
import t from 'tap';
import { readManifest } from '../../lib/run_folder/manifest.js';
import { openRunFolder } from '../../lib/run_folder/run_folder.js';
import { runOf, smallInputs, smallJob } from '../fixtures/small_job.js';

t.test('when another job goes on, then the manifest keeps who came before', async (t) => {
  const dir = t.testdir(smallInputs);
  const first = await openRunFolder(runOf(dir), smallJob(dir), { command: 'prune' });
  first.close();
  const job = { ...smallJob(dir), seed: 5 };
  const options = { resume: false, amend: true, command: 'recover' }; // as the engine says it
  const second = await openRunFolder(runOf(dir), job, options);
  second.close();
  const manifest = readManifest(runOf(dir));
  t.match(manifest, { job: { seed: 5 }, start: { command: 'prune' } });
  t.match(manifest.resumes, [{ command: 'recover' }]);
});
