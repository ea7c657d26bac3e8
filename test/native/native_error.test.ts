import t from 'tap';
import { LoraShearError } from '../../lib/errors.js';
import { fromNative, guarded } from '../../lib/native/native_error.js';

const thrown = (code: string, detail?: string): Error =>
  Object.assign(new Error('what was seen'), { code }, detail === undefined ? {} : { detail });

t.test(
  'when the addon throws a known code, then the error has it, with where, hint and cause',
  (t) => {
    const cause = thrown('OUT_OF_MEMORY', 'frame #0');
    const error = fromNative(cause, 'aten::linear', { op: 'aten::linear' });
    t.equal(error.code, 'OUT_OF_MEMORY');
    t.equal(error.message, 'aten::linear: what was seen');
    t.equal(error.hint, 'lower the batch size or the sequence length');
    t.same(error.facts, { op: 'aten::linear' });
    t.equal(error.cause, cause);
    t.equal((error.cause as { detail: string }).detail, 'frame #0');
    t.notOk(Object.keys(cause).includes('detail'), 'printing the cause does not show it');
    t.end();
  },
);

t.test('when something else is thrown, then it is NATIVE_FAILURE with its text', (t) => {
  for (const [value, text] of [
    [thrown('ERR_UNKNOWN'), 'what was seen'],
    [new TypeError('odd'), 'odd'],
    ['a string', 'a string'],
  ] as const) {
    const error = fromNative(value, 'call');
    t.equal(error.code, 'NATIVE_FAILURE');
    t.equal(error.message, `call: ${text}`);
    t.equal(error.hint, undefined);
  }
  t.equal(fromNative(thrown('toString'), 'call').code, 'NATIVE_FAILURE', 'no inherited name');
  t.end();
});

t.test('when the error is ours already, then it stays what it is', (t) => {
  const error = new LoraShearError('DATA_EMPTY', 'nothing');
  t.equal(fromNative(error, 'call'), error);
  t.end();
});

t.test('when a native function is guarded, then its result comes back or a typed error', (t) => {
  t.type(
    guarded('count', (b) => b.count()),
    'number',
  );
  t.throws(() => guarded('shape', (b) => b.shape(-1 as never)), {
    code: 'TENSOR_DISPOSED',
    message: /^shape: tensor handle -1 is not alive/,
    hint: String,
  });
  t.end();
});
