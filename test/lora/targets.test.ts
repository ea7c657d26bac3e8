// Expected sets are PEFT's (scripts/fixtures/peft_adapter.py) or written by hand.
import {
  type Pattern,
  chosenLinears,
  everyLinear,
  keyMatches,
  shortNames,
  targetedLinears,
} from '../../lib/lora/targets.js';
import type { Model } from '../../lib/models/model.js';
import { test } from '../fixtures/no_leak.js';
import { baseOf, optionsOf, peftCases } from '../fixtures/peft.js';
import { randomLlama } from '../fixtures/random_llama.js';

const all = { targets: 'all-linear', exclude: null, layersToTransform: null, layersPattern: null };
const pathsOf = (model: Model, targets: Pattern, rest = {}): string[] => [
  ...chosenLinears(model, { ...all, targets, ...rest }).keys(),
];
const kinds = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];

for (const c of peftCases) {
  test(`when targets are given as to PEFT (${c.name}), then they are PEFT's linears`, (t) => {
    const model = baseOf(c);
    const found = targetedLinears(model, { ...all, ...optionsOf(c) });
    t.same([...found.keys()].sort(), Object.keys(c.scales).sort());
    model.dispose();
  });
}

test('when nothing is said, then every linear of the blocks is meant, and never the head', (t) => {
  const model = randomLlama({ tied: false });
  const paths = pathsOf(model, 'ALL-linear');
  t.same(paths, [...model.linears().keys()]);
  t.notOk(paths.includes('lm_head'));
  t.same([...everyLinear(model).keys()], [...paths, 'lm_head'], 'but it can be named');
  t.same(pathsOf(model, ['lm_head']), ['lm_head']);
  const mlp = pathsOf(model, 'all-linear', { exclude: '.*self_attn.*' });
  t.equal(mlp.length, 6);
  t.ok(mlp.every((path) => path.includes('.mlp.')));
  model.dispose();
});

test('when a name ends within a word, then it is not meant', (t) => {
  const model = randomLlama({ layers: 1 });
  t.same(pathsOf(model, ['self_attn.q_proj']), ['model.layers.0.self_attn.q_proj']);
  t.throws(() => pathsOf(model, ['proj']), { code: 'CONFIG_INVALID' });
  t.equal(keyMatches('q_proj', 'model.layers.0.self_attn.q_proj'), true);
  t.equal(keyMatches('_proj', 'model.layers.0.self_attn.q_proj'), false);
  t.equal(keyMatches('layers.0', 'model.layers.0.self_attn.q_proj'), false);
  model.dispose();
});

test('when a pattern matches nothing, then one error names the nearest', (t) => {
  const model = randomLlama();
  const refuse = (targets: Pattern, rest: object, hint: RegExp, keys: string[] = []): void => {
    const expected = { code: 'CONFIG_INVALID', hint };
    t.throws(() => chosenLinears(model, { ...all, targets, ...rest }, keys), expected);
  };
  refuse(['q_proj', 'v_porj'], {}, /did you mean "v_proj"\?/);
  refuse(['attn.q_proj'], {}, /did you mean "self_attn.q_proj"\?/);
  refuse(['something_else_entirely'], {}, /^\(the linears are q_proj, k_proj, v_proj/);
  refuse('q_proj', {}, /give \["q_proj"\]/);
  refuse('all-linear', { exclude: ['up_prj'] }, /did you mean "up_proj"/);
  refuse(['q_proj'], { exclude: ['self_attn.q_proj'] }, /exclude fewer/);
  refuse(['q_proj'], {}, /the linears are q_proj\)/, ['k_proj']);
  refuse('(', {}, /Python and JavaScript/);
  refuse('.*q_proj\\Z', {}, /Python and JavaScript/);
  model.dispose();
});

test('when layers are chosen, then the first number of a path counts', (t) => {
  const model = randomLlama({ layers: 3 });
  const layers = (rest: object): string[] => pathsOf(model, ['up_proj'], rest);
  const path = (i: number): string => `model.layers.${i}.mlp.up_proj`;
  t.same(layers({ layersToTransform: [0, 2] }), [path(0), path(2)]);
  t.same(layers({ layersToTransform: [1], layersPattern: ['h', 'layers'] }), [path(1)]);
  t.throws(() => layers({ layersToTransform: [1], layersPattern: ['h'] }), {
    code: 'CONFIG_INVALID',
  });
  t.throws(() => layers({ layersToTransform: [7] }), { code: 'CONFIG_INVALID' });
  model.dispose();
});

test('when many names are listed, then as their shortest ends that mean nothing else', (t) => {
  const model = randomLlama({ layers: 3 });
  const modules = [...model.modules()].map(([name]) => name);
  const paths = [...model.linears().keys()];
  t.same(shortNames(paths, modules), kinds);
  t.same(shortNames(paths.slice(0, 19), modules), paths.slice(0, 19), 'few stay in full');
  const without = paths.slice(1);
  const short = shortNames(without, modules);
  t.ok(short.includes('layers.1.self_attn.q_proj') || short.includes('1.self_attn.q_proj'));
  t.ok(short.includes('k_proj'));
  t.notOk(short.includes('q_proj'));
  model.dispose();
});
