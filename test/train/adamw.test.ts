// Oracle: torch.optim.AdamW in float64 (scripts/fixtures/adamw.py).
import { readFileSync } from 'node:fs';
import { backward, clearGrads } from '../../lib/tensor/autograd.js';
import { copy_, mul, sumAll } from '../../lib/tensor/ops.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { type Tensor, floatTensor } from '../../lib/tensor/tensor.js';
import { AdamW } from '../../lib/train/adamw.js';
import { distance, test } from '../fixtures/no_leak.js';

interface Fixture {
  readonly options: { beta1: number; beta2: number; eps: number; weightDecay: number };
  readonly start: number[][];
  readonly shapes: number[][];
  readonly steps: { lr: number; grads: (number[] | null)[]; after: number[][] }[];
  readonly moments: { m: number[]; v: number[]; step: number }[];
}

const fixture = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/adamw.json', import.meta.url), 'utf8'),
) as Fixture;

function parameters(): Map<string, Tensor> {
  return new Map(
    fixture.start.map((values, i) => {
      const p = floatTensor(values, fixture.shapes[i]!);
      p.requiresGrad = true;
      return [`p${i}`, p];
    }),
  );
}

/** Gives the parameters these gradients, through autograd. */
function setGrads(all: Iterable<Tensor>, grads: readonly (readonly number[] | null)[]): void {
  scoped(() => {
    const list = [...all];
    clearGrads(list);
    list.forEach((p, i) => {
      const g = grads[i];
      if (g) backward(sumAll(mul(p, floatTensor(g, p.shape))));
    });
  });
}

const values = (all: ReadonlyMap<string, Tensor>): number[][] =>
  [...all.values()].map((p) => p.toArray());

test('when ten steps are taken, then parameters and moments are those of torch', (t) => {
  const ps = parameters();
  using optimizer = new AdamW(ps, fixture.options);
  t.same(optimizer.parameters, [...ps.values()]);
  for (const [n, { lr, grads, after }] of fixture.steps.entries()) {
    setGrads(ps.values(), grads);
    const held = tensorCount();
    optimizer.step(lr);
    t.equal(tensorCount(), held, 'a step leaves no handle');
    values(ps).forEach((p, i) => t.ok(distance(p, after[i]!) < 1e-6, `step ${n}, parameter ${i}`));
  }
  const state = new Map([...optimizer.state()].map(([name, x]) => [name, x.toArray()]));
  fixture.moments.forEach(({ m, v, step }, i) => {
    t.ok(distance(optimizer.moments(`p${i}`)!.m.toArray(), m) < 1e-6);
    t.ok(distance(optimizer.moments(`p${i}`)!.v.toArray(), v) < 1e-6);
    t.same(state.get(`adamw.step.p${i}`), [step], 'steps without a gradient do not count');
  });
  t.equal(optimizer.moments('none'), undefined);
});

test('when options are left out, then there is no decay', (t) => {
  const ps = parameters();
  using optimizer = new AdamW(ps);
  setGrads(ps.values(), [fixture.steps[0]!.grads[0]!, fixture.steps[0]!.grads[1]!]);
  optimizer.step(0.1);
  // The first step of Adam moves every element by lr·sign(g).
  values(ps).forEach((p, i) => {
    const g = fixture.steps[0]!.grads[i]!;
    const expected = fixture.start[i]!.map((x, j) => x - 0.1 * Math.sign(g[j]!));
    t.ok(distance(p, expected) < 1e-6);
  });
});

test('when no parameter has a gradient, then nothing moves', (t) => {
  const ps = parameters();
  using optimizer = new AdamW(ps, fixture.options);
  optimizer.step(0.1);
  t.same(values(ps), fixture.start);
});

test('when it is reset, then it goes on as if new', (t) => {
  const [one, two] = [parameters(), parameters()];
  using used = new AdamW(one, fixture.options);
  for (const { lr, grads } of fixture.steps.slice(0, 3)) {
    setGrads(one.values(), grads);
    used.step(lr);
  }
  noGrad(() => {
    for (const [name, p] of one) copy_(p, two.get(name)!);
  });
  used.reset();
  using fresh = new AdamW(two, fixture.options);
  for (const ps of [one, two]) setGrads(ps.values(), fixture.steps[4]!.grads);
  used.step(0.01);
  fresh.step(0.01);
  t.same(values(one), values(two));
  for (const [name, x] of used.state()) {
    t.same(x.toArray(), new Map(fresh.state()).get(name)?.toArray(), name);
  }
});

test('when the state is copied into another, then both go on bit for bit', (t) => {
  const one = parameters();
  using first = new AdamW(one, fixture.options);
  for (const { lr, grads } of fixture.steps.slice(0, 5)) {
    setGrads(one.values(), grads);
    first.step(lr);
  }
  const two = parameters();
  using second = new AdamW(two, fixture.options);
  noGrad(() => {
    for (const [name, p] of one) copy_(two.get(name)!, p);
    const from = new Map(first.state());
    for (const [name, x] of second.state()) copy_(x, from.get(name)!);
  });
  for (const { lr, grads } of fixture.steps.slice(5)) {
    for (const ps of [one, two]) setGrads(ps.values(), grads);
    first.step(lr);
    second.step(lr);
  }
  t.same(values(two), values(one));
});

test('when it is disposed, then its moments go and the parameters stay', (t) => {
  const ps = parameters();
  const before = tensorCount();
  const optimizer = scoped(() => new AdamW(ps));
  t.equal(tensorCount(), before + 6, 'it outlives the scope that made it');
  optimizer.dispose();
  t.equal(tensorCount(), before);
  t.ok([...ps.values()].every((p) => p.alive));
});
