import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createContext } from '../../lib/context.js';
import { architectures } from '../../lib/models/index.js';
import { planText } from '../../lib/plan/describe.js';
import { modelJob } from '../../lib/plan/model_job.js';
import type { ModelPlan, PlanSettings } from '../../lib/plan/plan.js';
import { planFolder } from '../../lib/run.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { families, familyFolder } from '../fixtures/families.js';
import { writeModelFolder } from '../fixtures/model_folder.js';

const planOf = (dir: string, settings: PlanSettings = {}): Promise<ModelPlan> =>
  planFolder(createContext(), modelJob(dir), { probe: false, ...settings });

const llama7B = {
  ...{ model_type: 'llama', hidden_size: 4096, intermediate_size: 11008, num_hidden_layers: 32 },
  ...{ num_attention_heads: 32, vocab_size: 32000, torch_dtype: 'float16' },
  max_position_embeddings: 2048,
};

t.test(
  'when a folder holds config.json alone, then LLaMA-7B is planned without a weight',
  async (t) => {
    const dir = t.testdir({ 'config.json': JSON.stringify(llama7B) });
    const before = tensorCount();
    const plan = await planOf(dir, { target: 'params=0.2', roundChannelsTo: 256, svg: true });
    t.equal(tensorCount(), before, 'nothing leaks');
    t.match(plan, {
      ...{ modelType: 'llama', layers: 32, stored: null, total: { parameters: 6_738_415_616 } },
      use: { dtype: 'float16', bytes: 2, context: 2048, batch: 1 },
      cut: { ratios: { parameters: Number, macs: Number, kvBytes: Number, memory: Number } },
    });
    const units = Object.fromEntries(plan.groups.map(({ kind, unit }) => [kind, unit.parameters]));
    t.match(units, { attention_heads: 2_097_152, mlp_channels: 12_288, residual: 1_645_121 });
    t.ok(plan.groups.every(({ prunable, reason }) => prunable === (reason === null)));
    t.equal((plan.cut?.channels ?? NaN) % 256, 0);
    t.match(plan.svg, /layers 1–31: as layer 0/);

    for (const width of [40, 80, 200]) {
      const lines = planText(plan, width).split('\n');
      t.ok(
        lines.every((line) => line.length <= Math.max(width, 48)),
        `${width} columns`,
      );
    }
    t.match(planText(plan), /6,738,415,616 parameters/);
  },
);

t.test(
  "when heads go that LLaMA cannot lose, then the config is a Mistral's and says so",
  async (t) => {
    const dir = t.testdir({ 'config.json': JSON.stringify(llama7B) });
    const { cut } = await planOf(dir, { target: 'kv=0.25' });
    t.match(cut?.config, { model_type: 'mistral', num_attention_heads: 24, head_dim: 128 });
    const [transformers] = cut?.engines ?? [];
    t.match(transformers, { engine: 'transformers', loads: true, notes: [/mistral/] });
  },
);

t.test('when there are weights, then their headers are held against config.json', async (t) => {
  const dir = writeModelFolder(join(t.testdir({}), 'm'), { heads: 4, kvHeads: 2 });
  t.match((await planOf(dir)).stored, { files: 1, types: ['F32'] });
  writeModelFolder(dir, { heads: 4, kvHeads: 2 }, { intermediate_size: 7 });
  await t.rejects(planOf(dir), { code: 'TENSOR_MISSHAPEN' });
});

t.test(
  'when a family is planned, then whatever its kinds are there is a cut or the reason',
  async (t) => {
    const known = families().filter((name) =>
      Object.hasOwn(architectures, name.split('-')[0] ?? ''),
    );
    t.ok(known.length > 10);
    for (const name of known) {
      const plan = await planOf(familyFolder(name));
      t.ok(plan.cut ?? plan.unreachable, name);
      t.ok(plan.total.macs > 0 && plan.total.kvBytes > 0, name);
      const { parameters } = plan.total;
      for (const row of plan.groups)
        t.ok(row.unit.parameters > 0 && row.unit.parameters <= parameters);
      t.match(planText(plan), plan.modelType);
    }
  },
);

t.test('when what is asked cannot be, then the error says what can', async (t) => {
  const dir = t.testdir({ 'config.json': JSON.stringify({ ...llama7B, num_hidden_layers: 1 }) });
  for (const settings of [
    { target: 'params=2x' },
    { roundChannelsTo: 1.5 },
    { dtype: 'int4' },
    { context: 0 },
    { batch: -1 },
    { engines: ['tgi'] },
  ]) {
    await t.rejects(planOf(dir, settings), { code: 'CONFIG_INVALID', hint: String });
  }
  await t.rejects(planOf(dir, { target: '0.999' }), { code: 'RATIO_UNREACHABLE' });
  writeFileSync(join(dir, 'config.json'), JSON.stringify({ model_type: 'lama' }));
  await t.rejects(planOf(dir), { code: 'CHECKPOINT_UNSUPPORTED', hint: /llama/ });
  await t.rejects(planOf(join(dir, 'none')), { code: 'CHECKPOINT_NOT_FOUND' });
});
