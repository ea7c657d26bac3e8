import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { profileFile, writeProfile } from '../../bench/profile_case.js';
import { timed } from '../../bench/timed.js';
import { mul } from '../../lib/tensor/ops.js';
import { scoped } from '../../lib/tensor/scope.js';
import { floatTensor } from '../../lib/tensor/tensor.js';

t.test('when a case is profiled, then one call of it is in the trace', (t) => {
  const file = join(t.testdir({}), 'traces', 'a.json');
  const a = floatTensor([1], [1]);
  const call = (): void => scoped(() => void mul(a, a));
  const count = writeProfile(file, 'suite, case', 'cpu', { measure: timed({ call }) });
  t.equal(count, 2);
  const { traceEvents, otherData } = JSON.parse(readFileSync(file, 'utf8')) as {
    traceEvents: { cat?: string; name: string }[];
    otherData: unknown;
  };
  t.match(otherData, { what: 'suite, case', device: 'cpu', truncated: false });
  t.same(
    traceEvents.flatMap(({ cat, name }) => (cat === undefined ? [] : [`${cat} ${name}`])),
    ['operator aten::mul.Tensor', 'native aten::mul'],
  );
  a.dispose();
  t.end();
});

t.test('when a case computes in another process, then no empty trace is written', (t) => {
  const file = join(t.testdir({}), 'a.json');
  t.equal(writeProfile(file, 'x', 'cpu', { measure: () => ({ values: [1] }) }), 0);
  t.notOk(existsSync(file));
  t.end();
});

t.test('when a profile is named, then by words that every file system takes', (t) => {
  const about = { suite: 'lhspg', name: 'share of 4×256, bf16 (x/y)', device: 'cpu', threads: 2 };
  t.equal(profileFile('/t', about), '/t/lhspg-share-of-4-256-bf16-x-y-cpu-2.json');
  t.end();
});
