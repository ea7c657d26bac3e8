import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { loadModel } from '../lib/checkpoint/load.js';
import { attachLora, loraParameters } from '../lib/lora/lora.js';
import { randomStream } from '../lib/tensor/random.js';
import { add, uniform_, zeros } from '../lib/tensor/ops.js';
import { scoped } from '../lib/tensor/scope.js';
import { AdamW } from '../lib/train/adamw.js';
import { nextTokenLoss } from '../lib/train/language_model_loss.js';
import { native } from '../lib/native/load.js';
import { allAtOnce } from '../lib/train/memory.js';
import { trainStep } from '../lib/train/step.js';
import { StepGraphs } from '../lib/train/step_graph.js';
import { trainOnBatch } from '../lib/train/train_batch.js';
import { specName } from '../lib/saliency/spec.js';
import { denseModel, writePages } from './fixtures/pages.js';
import { runJob, tinyJob } from './fixtures/pipeline_run.js';
import { secondDevice, trackDevices } from './fixtures/second_device.js';
import { steppingRecorder } from './fixtures/stepping_recorder.js';
import { batchOf } from './fixtures/tiny_training.js';

const tracking = trackDevices();
const dir = mkdtempSync(join(tmpdir(), 'lorashear-placement-'));
t.teardown(() => {
  rmSync(dir, { recursive: true, force: true });
});
const { sources, instruct } = writePages(join(dir, 'pages'));

t.test(
  'when a tensor or generator is on another device, then the tracking that these tests rest on sees it',
  (t) => {
    const caught = (fn: () => unknown): string[] => {
      scoped(fn);
      return tracking.misplaced.splice(0).map(({ op }) => op);
    };
    t.same(
      caught(() => add(zeros([2], 'float32', secondDevice), zeros([2]))),
      ['aten::add.Tensor'],
    );
    t.same(
      caught(() => uniform_(zeros([2], 'float32', secondDevice), 0, 1, randomStream(1).id)),
      ['aten::uniform_'],
    );
    t.same(
      caught(() => add(zeros([2]), zeros([2]))),
      [],
    );
    t.end();
  },
);

for (const [form, saliency] of [
  ['transfer', 'reconstruction'],
  ['paper', 'taylor_first'],
  ['transfer', { wanda: 0.5, dense_taylor_second: 0.5 }],
] as const) {
  t.test(
    `when a run in the ${form} form by ${specName(saliency)} computes on another device than the CPU, then every operator finds its arguments there`,
    async (t) => {
      const job = tinyJob({
        ...{
          sources: { tales: sources['tales'] as string },
          instruct,
          output: join(dir, specName(saliency)),
        },
        ...{ tokens: 160 * 6 },
        lhspg: { form, saliency, periods: 1, token_share: 0.4, warmup_share: 0.5 },
        instruct_tuning: { tokens: 600, rounds: 1, batch_size: 4 },
      });
      tracking.computed.clear();
      await runJob(job, { device: secondDevice });
      t.same(tracking.misplaced, []);
      for (const op of [
        'aten::linear',
        'aten::embedding',
        'aten::_fused_adamw_.tensor_lr',
        'lorashear::half_space_projection',
      ]) {
        t.ok(tracking.computed.get(op), `${op} computed there`);
      }
    },
  );
}

t.test('when a step trains on a device, then the host waits for it once, at the end', (t) => {
  using model = loadModel(denseModel, { device: secondDevice });
  attachLora(model, { r: 2, alpha: 4, seed: 1 });
  using optimizer = new AdamW(loraParameters(model));
  const batch = batchOf(1);
  trainStep(() => nextTokenLoss(model, batch), optimizer, 0.01);
  tracking.reads = 0;
  trainStep(() => nextTokenLoss(model, batch), optimizer, 0.01);
  t.equal(tracking.reads, 1);
  t.same(tracking.misplaced, []);
  t.end();
});

t.test(
  'when a step is recorded, then nothing in it is taken from the host or waits for the device',
  (t) => {
    using model = loadModel(denseModel, { device: secondDevice });
    attachLora(model, { r: 2, alpha: 4, seed: 1 });
    using optimizer = new AdamW(loraParameters(model));
    const binding = native();
    const { fromBytes } = binding;
    let recorded = 0;
    const { record, counts } = steppingRecorder((work) => {
      tracking.reads = 0;
      binding.fromBytes = () => t.fail('taken from the host') as never;
      try {
        return work();
      } finally {
        binding.fromBytes = fromBytes;
        recorded++;
        t.equal(tracking.reads, 0);
      }
    });
    const graphs = new StepGraphs((why) => t.fail(why), record);
    const options = { learningRate: 0.01, clip: 1, graphs, ...allAtOnce };
    for (let i = 0; i < 5; i++) {
      trainOnBatch(
        model,
        batchOf(i),
        (rows, pass) => nextTokenLoss(model, rows, pass),
        optimizer,
        options,
      );
    }
    graphs.drop();
    t.same([recorded, counts.replays], [3, 3]);
    t.same(tracking.misplaced, []);
    t.end();
  },
);
