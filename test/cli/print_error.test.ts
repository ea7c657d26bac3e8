import t from 'tap';
import { describeError } from '../../lib/cli/print_error.js';
import { asLoraShearError, LoraShearError } from '../../lib/errors.js';

t.test('when an error is told, then code, message and hint', async (t) => {
  const error = new LoraShearError('DATA_EMPTY', 'seen', { hint: 'next' });
  // eslint-disable-next-line no-control-regex
  const plain = describeError(error, false).replace(/\u001b\[\d+m/g, '');
  t.equal(plain, 'error [DATA_EMPTY] seen\n  hint: next\n');
});

t.test('when debugging, then the stacks of the error and of its causes follow', async (t) => {
  const error = asLoraShearError(new Error('outer', { cause: new Error('inner') }));
  t.match(
    describeError(error, true),
    /error \[INTERNAL\][^]*caused by Error: outer[^]*caused by Error: inner/,
  );
  t.notMatch(describeError(error, false), 'caused by');
});
