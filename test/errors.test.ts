import t from 'tap';
import {
  type ErrorCode,
  LoraShearError,
  asLoraShearError,
  errorCodes,
  fullStack,
  reviveError,
} from '../lib/errors.js';

t.test('when an error is made, then it is an Error with code, hint, facts and exit code', (t) => {
  const cause = new Error('below');
  const error = new LoraShearError('DATA_INVALID', 'line 3 is not JSON', {
    hint: 'fix it',
    facts: { line: 3 },
    cause,
  });
  t.ok(error instanceof Error);
  t.match(error, {
    name: 'LoraShearError',
    message: 'line 3 is not JSON',
    code: 'DATA_INVALID',
    hint: 'fix it',
    facts: { line: 3 },
    exitCode: 4,
    cause,
  });
  const bare = new LoraShearError('INTERNAL', 'x');
  t.same([bare.hint, bare.facts, 'cause' in bare], [undefined, {}, false]);
  t.end();
});

t.test('when an error crosses a thread, then nothing that a user sees is lost', (t) => {
  for (const hint of ['do this', undefined]) {
    const error = new LoraShearError('RUN_ABORTED', 'stopped', {
      ...(hint === undefined ? {} : { hint }),
      facts: { step: 7, list: [1, 'a', null] },
      cause: new Error('stays here'),
    });
    const revived = reviveError(structuredClone(error.toJSON()));
    t.ok(revived instanceof LoraShearError);
    t.same(revived.toJSON(), error.toJSON());
    t.same(JSON.parse(JSON.stringify(error)), JSON.parse(JSON.stringify(error.toJSON())));
    t.equal(revived.exitCode, 130);
  }
  t.end();
});

t.test('when anything is thrown, then it becomes our error, ours unchanged', (t) => {
  const ours = new LoraShearError('DATA_EMPTY', 'x');
  t.equal(asLoraShearError(ours), ours);
  const cause = new TypeError('odd');
  t.match(asLoraShearError(cause), { code: 'INTERNAL', message: 'odd', cause, hint: String });
  t.match(asLoraShearError('text'), { code: 'INTERNAL', message: 'text' });
  t.match(asLoraShearError(undefined), { code: 'INTERNAL', message: 'undefined' });
  t.end();
});

t.test('when a code exists, then its exit code is one that a shell can see', (t) => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    const { exitCode } = new LoraShearError(code, '');
    t.ok(Number.isInteger(exitCode) && exitCode > 0 && exitCode < 256, code);
    t.match(code, /^[A-Z]+(_[A-Z]+)*$/);
  }
  t.end();
});

t.test('when the full stack is asked for, then causes and the C++ backtrace are in it', (t) => {
  const cause = Object.assign(new Error('native'), { detail: 'frame #0: c10::Error' });
  Object.defineProperty(cause, 'detail', { enumerable: false });
  const error = new LoraShearError('TENSOR_OP_FAILED', 'seen', { cause });
  t.match(fullStack(error), /seen[^]*caused by Error: native[^]*\nframe #0: c10::Error$/);
  t.notMatch(error.stack ?? '', 'frame #0');
  t.end();
});

t.test('when the disk takes no more, then any write is told as that', (t) => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), {
    code: 'ENOSPC',
  });
  t.match(asLoraShearError(full), { code: 'OUTPUT_FAILED', message: /no space/, hint: /room/ });
  t.match(asLoraShearError(null), { code: 'INTERNAL', message: 'null' });
  t.end();
});
