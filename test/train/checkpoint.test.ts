import {
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { saveSafetensors } from '../../lib/checkpoint/save.js';
import { copy_, zeros } from '../../lib/tensor/ops.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { type Tensor, floatTensor } from '../../lib/tensor/tensor.js';
import { loadState, saveState } from '../../lib/train/checkpoint.js';
import { test } from '../fixtures/no_leak.js';

const corrupt = { code: 'RUN_CORRUPT', hint: /^remove .* to repeat the stage$/ };
const tensors = (value: number): [string, Tensor][] => [
  ['a', floatTensor([value, value + 1], [2])],
  ['step', floatTensor([value], [])],
];

/** JSON and the values of the state in `dir`. */
function read(dir: string): [unknown, Record<string, number[]>] {
  const saved = loadState(dir);
  if (!saved) throw new Error('no state');
  const values = Object.fromEntries(
    saved.names().map((name) => [name, saved.tensor(name).toArray()]),
  );
  saved.close();
  return [saved.json, values];
}

test('when a state is saved, then it is read again, and only the latest is kept', (t) => {
  const dir = join(t.testdir({}), 'deep', 'state');
  t.equal(loadState(dir), undefined);
  const json = { step: 1, text: 'ü', list: [null, 0.1] };
  saveState(dir, tensors(1), json);
  t.same(read(dir), [json, { a: [1, 2], step: [1] }]);
  saveState(dir, tensors(5), { step: 2 });
  t.same(read(dir), [{ step: 2 }, { a: [5, 6], step: [5] }]);
  t.same(readdirSync(dir).sort(), ['state-2.safetensors', 'state.json']);
});

test('when values are restored, then they go into the tensor given', (t) => {
  const dir = t.testdir({});
  saveState(dir, tensors(3), {});
  const saved = loadState(dir)!;
  const into = zeros([2]);
  into.requiresGrad = true;
  const before = tensorCount();
  saved.restore('a', into);
  t.equal(tensorCount(), before);
  t.same(into.toArray(), [3, 4]);
  const held = saved.tensor('a');
  saved.close();
  copy_(held, zeros([1]));
  t.same(read(dir)[1]['a'], [3, 4], 'the file is never written through a tensor');
});

test('when a kill comes between the files, then the old state stands', (t) => {
  const dir = t.testdir({});
  saveState(dir, tensors(1), { step: 1 });
  // The next tensor file is whole, its index not yet: and one was still being written.
  saveSafetensors(join(dir, 'state-2.safetensors'), tensors(9));
  writeFileSync(join(dir, 'state-3.safetensors.partial'), 'half');
  writeFileSync(join(dir, '.state.json.1.partial'), '{"sequ');
  t.same(read(dir), [{ step: 1 }, { a: [1, 2], step: [1] }]);
  saveState(dir, tensors(4), { step: 2 });
  t.same(read(dir), [{ step: 2 }, { a: [4, 5], step: [4] }]);
  t.same(
    readdirSync(dir)
      .filter((name) => name.startsWith('state'))
      .sort(),
    ['state-2.safetensors', 'state.json'],
  );
});

test('when tensors cannot be written, then the old state stands', (t) => {
  const dir = t.testdir({});
  saveState(dir, tensors(1), { step: 1 });
  const [gone] = tensors(2);
  gone![1].dispose();
  t.throws(() => saveState(dir, [gone!], { step: 2 }));
  t.same(read(dir), [{ step: 1 }, { a: [1, 2], step: [1] }]);
  t.same(readdirSync(dir).sort(), ['state-1.safetensors', 'state.json']);
});

test('when the index is damaged, then RUN_CORRUPT, for saving too', (t) => {
  for (const text of [
    '',
    '{"sequence": 1',
    'null',
    '[]',
    '{}',
    '{"sequence":0,"file":"state-0.safetensors"}',
    '{"sequence":1,"file":"../elsewhere.safetensors","json":{}}',
  ]) {
    const dir = t.testdir({ 'state.json': text });
    t.throws(() => loadState(dir), corrupt, text);
    t.throws(() => saveState(dir, tensors(1), {}), corrupt, text);
    t.same(readdirSync(dir), ['state.json'], 'nothing was added');
  }
});

test('when the tensor file is missing, cut or of another kind, then RUN_CORRUPT', (t) => {
  const dir = t.testdir({});
  saveState(dir, tensors(1), {});
  const file = join(dir, 'state-1.safetensors');
  const whole = readFileSync(file);
  truncateSync(file, whole.length - 1);
  t.throws(() => loadState(dir), corrupt);
  writeFileSync(file, 'nothing of the kind');
  t.throws(() => loadState(dir), corrupt);
  rmSync(file);
  t.throws(() => loadState(dir), corrupt);
  t.ok(existsSync(join(dir, 'state.json')));
  writeFileSync(file, whole);
  t.same(read(dir)[1]['a'], [1, 2]);
});

test('when a tensor is missing or has another shape, then RUN_CORRUPT and nothing is copied', (t) => {
  const dir = t.testdir({});
  saveState(dir, tensors(7), {});
  const saved = loadState(dir)!;
  const before = tensorCount();
  const into = zeros([2, 2]); // a copy of [2] into it would broadcast
  t.throws(() => saved.restore('a', into), { ...corrupt, message: /'a' .* shape \[2\].*\[2, 2\]/ });
  t.throws(() => saved.restore('step', into), corrupt);
  t.throws(() => saved.restore('b', into), { ...corrupt, message: /no tensor 'b'/ });
  t.throws(() => saved.tensor('b'), corrupt);
  t.same(into.toArray(), [0, 0, 0, 0]);
  t.equal(tensorCount(), before + 1);
  saved.close();
});
