// analyze, prune, export and run, each on the folder of the one before.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { ExportArtefact } from '../../lib/artefacts.js';
import { loadModel, readConfig } from '../../lib/checkpoint/load.js';
import { jobInputOf } from '../../lib/config/job_input.js';
import { parseJob } from '../../lib/config/parse_job.js';
import { createContext } from '../../lib/context.js';
import { exportAgain } from '../../lib/pipeline/export_again.js';
import { analyzeJob, pipeline, pruneJob } from '../../lib/run.js';
import { openRunFolder } from '../../lib/run_folder/run_folder.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { writePages } from '../fixtures/pages.js';
import { stageLog, tinyJob } from '../fixtures/pipeline_run.js';

t.test(
  'when commands go on with one folder, then what stands is read and what changed is done',
  async (t) => {
    const before = tensorCount();
    const dir = t.testdir({});
    const { sources } = writePages(join(dir, 'pages'));
    const first = tinyJob({
      sources: { tales: sources['tales'] as string },
      output: join(dir, 'run'),
    });
    const log = stageLog();
    const step = async <T>(
      goal: (ctx: ReturnType<typeof createContext>, job: typeof first, folder: never) => Promise<T>,
      job = first,
      amend = true,
    ): Promise<T> => {
      log.computed.length = log.reused.length = 0;
      const folder = await openRunFolder(job.output, job, { amend, emit: log.emit });
      try {
        return await goal(createContext(), job, folder as never);
      } finally {
        folder.close();
      }
    };
    const changed = (...overrides: string[]) => parseJob(jobInputOf(first), { overrides });

    const found = await step(analyzeJob, first, false);
    t.strictSame(log.computed, ['load', 'trace', 'partition', 'knowledge', 'budget']);
    t.equal(found.knowledge.groups.length, 10);
    t.ok(Math.abs(found.budget.achieved - 0.2) <= 0.005);
    t.strictSame(
      Object.keys(found.budget.counts).sort(),
      found.knowledge.groups.map(({ id }) => id).sort(),
    );

    const cut = await step(pruneJob);
    t.strictSame(log.reused, ['load', 'trace', 'partition', 'knowledge', 'budget']);
    t.strictSame(log.computed, ['lhspg', 'compress', 'export']);
    t.equal(cut.export.form, 'uniform');
    t.ok(existsSync(join(cut.model, 'model.safetensors')));

    // another ratio: the state of the first pruning must not be gone on with
    const global = changed('ratio=0.5', 'cut.allocation=global', 'export.form=per-layer');
    const half = await step(pruneJob, global);
    t.strictSame(log.computed, ['budget', 'lhspg', 'compress', 'export']);
    t.ok(Math.abs(half.cut.ratio - 0.5) <= 0.005, `${half.cut.ratio}`);
    t.equal(half.budget.importance, 'knowledge');
    const counts = new Set(
      Object.entries(half.budget.counts).flatMap(([id, count]) =>
        id.includes('mlp') ? [count] : [],
      ),
    );
    t.ok(counts.size > 1, 'layers lose different numbers');
    for (const id of half.budget.protected)
      t.equal(half.budget.counts[id] ?? 0, 0, `${id} is spared`);
    t.equal(half.export.form, 'per-layer');
    t.ok(readConfig(half.model)['per_layer_config']);
    const fresh = tinyJob({
      ...{ sources: { tales: sources['tales'] as string }, output: join(dir, 'fresh'), ratio: 0.5 },
      ...{ cut: { allocation: 'global' }, export: { form: 'per-layer' } },
    });
    const direct = await step(pruneJob, fresh, false);
    const weights = (model: string) => readFileSync(join(model, 'model.safetensors'));
    t.ok(weights(direct.model).equals(weights(half.model)), 'as if the run had begun so');

    // the same model in other forms
    const forms = (
      form: 'padded' | 'uniform',
      engines?: ['transformers'],
    ): Promise<ExportArtefact> =>
      exportAgain(createContext(), { run: first.output, output: join(dir, form), form, engines });
    const padded = await forms('padded', ['transformers']);
    t.ok(padded.waste!.parameters > 0);
    t.equal(padded.parameters - padded.waste!.parameters, half.cut.after.parameters);
    const model = loadModel(padded.dir);
    t.notOk('per_layer_config' in model.config);
    await t.rejects(forms('uniform'), {
      code: 'EXPORT_FORM',
      message: /differ|layers of one size/,
    });
    t.notOk(existsSync(join(dir, 'uniform')), 'nothing half-written is left');
    await t.rejects(exportAgain(createContext(), { run: dir, output: join(dir, 'x') }), {
      code: 'RUN_CORRUPT',
    });

    // the last model of a run that recovered is the recovered one
    const whole = await step(pipeline, global);
    t.strictSame(log.reused.slice(0, 7), [
      'load',
      'trace',
      'partition',
      'knowledge',
      'budget',
      'lhspg',
      'compress',
    ]);
    t.ok(existsSync(whole.report));
    const again = await exportAgain(createContext(), {
      run: first.output,
      output: join(dir, 'again'),
    });
    t.ok(weights(again.dir).equals(weights(whole.model)));
    t.notOk(readdirSync(dir).some((name) => name.includes('partial')));
    model.dispose();
    t.equal(tensorCount(), before);
  },
);
