// Oracle: PEFT on the same models (scripts/fixtures/llama_logits.py).
import {
  attachLora,
  detachLora,
  loraDelta,
  loraParameters,
  mergeLora,
} from '../../lib/lora/lora.js';
import type { Model } from '../../lib/models/model.js';
import { metaWeights } from '../../lib/nn/weight_source.js';
import { llama } from '../../lib/models/llama.js';
import { backward, noGrad } from '../../lib/tensor/autograd.js';
import { to } from '../../lib/tensor/ops.js';
import { keep, scoped, tensorCount } from '../../lib/tensor/scope.js';
import { longTensor } from '../../lib/tensor/tensor.js';
import { AdamW } from '../../lib/train/adamw.js';
import { nextTokenLoss } from '../../lib/train/language_model_loss.js';
import { gradientGap } from '../fixtures/finite_differences.js';
import { logitsCases, loraOf, modelOf } from '../fixtures/llama_logits.js';
import { distance, test } from '../fixtures/no_leak.js';
import { fillFactors } from '../fixtures/peft.js';
import { randomConfig, randomLlama, randomWeights } from '../fixtures/random_llama.js';

const options = { r: 3, alpha: 6, seed: 11 };
const batch = { ids: Int32Array.of(1, 5, 9, 2, 30, 8, 8, 0), batch: 2, length: 4 };

const logitsOf = (model: Model): number[] =>
  noGrad(() => scoped(() => model.forward(longTensor(batch.ids, [2, 4])).toArray()));

test('when LoRA is attached, then logits stay bit for bit, for B is zero', (t) => {
  const model = randomLlama({ biases: true });
  const before = logitsOf(model);
  attachLora(model, options);
  t.same(logitsOf(model), before);
  for (const { lora, inFeatures, outFeatures } of model.linears().values()) {
    t.equal(lora?.scale, 2);
    t.same(
      [lora?.A.shape, lora?.B.shape],
      [
        [3, inFeatures],
        [outFeatures, 3],
      ],
    );
    const values = lora?.A.toArray() ?? [];
    const bound = 1 / Math.sqrt(inFeatures);
    t.ok(values.every((x) => Math.abs(x) <= bound));
    t.ok(Math.max(...values.map(Math.abs)) > 0.8 * bound, 'the whole range is used');
    t.ok(lora?.B.toArray().every((x) => x === 0));
  }
  model.dispose();
});

test('when the seed is the same, then so are the factors; no two linears share theirs', (t) => {
  const factors = (seed: number): number[][] => {
    const model = randomLlama();
    attachLora(model, { ...options, seed });
    const found = [...model.linears().values()].map(({ lora }) => lora!.A.toArray());
    model.dispose();
    return found;
  };
  const first = factors(11);
  t.same(factors(11), first);
  t.notSame(factors(12), first);
  t.equal(new Set(first.map((a) => a[0])).size, first.length);
});

for (const c of logitsCases) {
  test(`when PEFT has the same factors (seed ${c.seed}), then names, logits, loss and gradients agree`, (t) => {
    const model = modelOf(c);
    loraOf(model, c);
    const names = [...loraParameters(model).keys()].map((name) => `base_model.model.${name}`);
    t.same(names.sort(), c.lora.names);
    const ids = Int32Array.from(c.tokens.flat());
    const [B, T] = [c.tokens.length, c.tokens[0]!.length];
    const logits = noGrad(() => model.forward(longTensor(ids, [B, T])).toArray());
    t.ok(distance(logits, c.lora.logits) < 2e-6);
    const loss = nextTokenLoss(model, { ids, batch: B, length: T });
    t.ok(Math.abs(loss.item() - c.lora.loss) < 1e-5);
    backward(loss);
    for (const [name, p] of loraParameters(model)) {
      const g = p.grad?.toArray() ?? [];
      const expected = c.lora.gradients[`base_model.model.${name}`]!;
      const norm = Math.hypot(...g);
      t.ok(Math.abs(norm / expected.norm - 1) < 1e-4, name);
      t.ok(
        expected.first.every((x, i) => Math.abs(x - g[i]!) < 1e-4 * expected.norm),
        name,
      );
    }
    for (const [name, p] of model.parameters()) {
      if (!name.includes('lora_')) t.equal(p.grad, null, `${name} is frozen`);
    }
    model.dispose();
  });
}

test('when factors are moved a little, then the loss moves as their gradients say', (t) => {
  const small = { layers: 1, width: 8, channels: 6, heads: 2, kvHeads: 1, biases: true };
  const float32 = randomWeights(3);
  const model = llama.build(randomConfig(small), (name, shape) => {
    using weight = float32(name, shape);
    return keep(to(weight, 'cpu', 'float64'));
  });
  const linears = [...model.linears().values()];
  const shapes = linears.flatMap(({ inFeatures, outFeatures }) => [
    [2, inFeatures],
    [outFeatures, 2],
  ]);
  const gap = gradientGap((...factors) => {
    linears.forEach((linear, i) => {
      linear.lora = { A: factors[2 * i]!, B: factors[2 * i + 1]!, scale: 0.5 };
    });
    return nextTokenLoss(model, batch);
  }, shapes);
  t.ok(gap < 1e-6);
  for (const linear of linears) linear.lora = null;
  model.dispose();
});

test('when LoRA is merged, then logits stay and B is zero', (t) => {
  const model = randomLlama({ rank: 3, biases: true, tied: false });
  const before = logitsOf(model);
  const factors = [...model.linears().values()].map(({ lora }) => lora!.A.toArray());
  mergeLora(model);
  t.ok(distance(logitsOf(model), before) < 1e-5);
  [...model.linears().values()].forEach(({ lora }, i) => {
    t.ok(lora?.B.toArray().every((x) => x === 0));
    t.same(lora?.A.toArray(), factors[i], 'A stays');
  });
  detachLora(model);
  t.ok(distance(logitsOf(model), before) < 1e-5, 'without the factors too');
  mergeLora(model); // without LoRA there is nothing to merge
  t.ok(distance(logitsOf(model), before) < 1e-5);
  model.dispose();
});

test('when the update is asked, then it is s·B·A', (t) => {
  const model = randomLlama({ rank: 2 });
  const { lora } = model.linears().get('model.layers.0.mlp.down_proj')!;
  const [A, B] = [lora!.A.toArray(), lora!.B.toArray()];
  const [rows, columns] = [lora!.B.extent(0), lora!.A.extent(1)];
  const expected = Array.from({ length: rows * columns }, (_, n) => {
    const [i, j] = [Math.floor(n / columns), n % columns];
    return 2 * (B[i * 2]! * A[j]! + B[i * 2 + 1]! * A[columns + j]!);
  });
  const delta = loraDelta(lora!);
  t.ok(distance(delta.toArray(), expected) < 1e-6);
  t.equal(delta.requiresGrad, false);
  model.dispose();
});

test('when LoRA is taken off or put on again, then no factor is left behind', (t) => {
  const model = randomLlama();
  const before = tensorCount();
  const names = [...model.parameters()].map(([name]) => name);
  attachLora(model, options);
  t.equal(tensorCount(), before + 28);
  attachLora(model, { ...options, r: 1 });
  t.equal(tensorCount(), before + 28);
  detachLora(model);
  t.equal(tensorCount(), before);
  t.equal(loraParameters(model).size, 0);
  t.same(
    [...model.parameters()].map(([name]) => name),
    names,
  );
  detachLora(model);
  model.dispose();
});

test('when the model is weightless, then LoRA is too', (t) => {
  const model = llama.build(randomConfig(), metaWeights());
  attachLora(model, options);
  t.ok([...loraParameters(model).values()].every((p) => p.device === 'meta' && p.requiresGrad));
  model.dispose();
});

test('when targets are chosen, then they alone get factors, from the same seed the same', (t) => {
  const model = randomLlama({ tied: false });
  attachLora(model, {
    ...options,
    targets: ['q_proj', 'lm_head'],
    useRslora: true,
    rankPattern: { lm_head: 1 },
  });
  const paths = ['model.layers.0.self_attn.q_proj', 'model.layers.1.self_attn.q_proj', 'lm_head'];
  t.same(
    [...loraParameters(model)].map(([name, p]) => [name, p.shape]),
    paths.flatMap((path) => {
      const [r, out] = path === 'lm_head' ? [1, 32] : [3, 16];
      return [
        [`${path}.lora_A.weight`, [r, 16]],
        [`${path}.lora_B.weight`, [out, r]],
      ];
    }),
  );
  t.equal(model.linears().get(paths[0]!)?.lora?.scale, 6 / Math.sqrt(3));
  const first = loraParameters(model).get(`${paths[0]!}.lora_A.weight`)!.toArray();
  const before = logitsOf(model);
  fillFactors(model, 1);
  const trained = logitsOf(model);
  t.ok(distance(trained, before) > 0.01);
  mergeLora(model);
  t.ok(distance(logitsOf(model), trained) < 1e-5, 'the head is merged too');
  attachLora(model, options);
  t.same(model.linears().get(paths[0]!)?.lora?.A.toArray(), first);
  t.equal(loraParameters(model).size, 28, 'of the head nothing is left');
  model.dispose();
});

test('when options are wrong, then the model keeps what it had', (t) => {
  const model = randomLlama();
  attachLora(model, options);
  for (const wrong of [{ r: 0 }, { targets: ['q_prj'] }, { alphaPattern: { nothing: 1 } }]) {
    t.throws(() => attachLora(model, { ...options, ...wrong }), { code: 'CONFIG_INVALID' });
  }
  t.equal(loraParameters(model).size, 28);
  model.dispose();
});

test('when LoRA trains, then frozen weights have no gradient, no moments and no change', (t) => {
  const model = randomLlama({ tied: false, biases: true });
  const base = [...model.parameters()];
  for (const [, p] of base) p.requiresGrad = true;
  const before = base.map(([, p]) => Buffer.from(p.toBytes()));
  attachLora(model, { ...options, targets: ['v_proj', 'down_proj'] });
  const factors = loraParameters(model);
  using optimizer = new AdamW(factors);
  backward(nextTokenLoss(model, batch));
  for (const [name, p] of base) {
    t.equal(p.requiresGrad, false, name);
    t.equal(p.grad, null, name);
    t.equal(optimizer.moments(name), undefined);
  }
  t.ok([...factors.values()].every((p) => p.requiresGrad && p.grad !== null));
  optimizer.step(1e-2);
  const states = [...optimizer.state()].map(([name]) => name.replace(/^adamw\.\w+\./, ''));
  t.same([...new Set(states)], [...factors.keys()], 'factors, and nothing else');
  t.ok([...factors.keys()].every((name) => optimizer.moments(name)));
  t.same(
    base.map(([, p]) => Buffer.from(p.toBytes())),
    before,
  );
  t.ok([...factors.values()].every((p) => p.toArray().some((x) => x !== 0)));
  model.dispose();
});
