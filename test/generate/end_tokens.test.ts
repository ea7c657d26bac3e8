import t from 'tap';
import { endTokens } from '../../lib/generate/end_tokens.js';

t.test('when files name end tokens, then all of them end a text, each once', (t) => {
  const dir = (files: Record<string, object>) =>
    t.testdir(
      Object.fromEntries(
        Object.entries(files).map(([name, value]) => [name, JSON.stringify(value)]),
      ),
    );
  const eos = (eos_token_id: unknown) => ({ eos_token_id });
  const several = dir({ 'generation_config.json': eos([7, 9]), 'config.json': eos(3) });
  t.strictSame(endTokens(several, { eosId: 9 }), [7, 9]);
  t.strictSame(endTokens(dir({ 'config.json': eos(3) }), { eosId: 2 }), [3, 2]);
  t.strictSame(endTokens(dir({ 'generation_config.json': eos(null) }), { eosId: 2 }), [2]);
  t.strictSame(endTokens(dir({}), { eosId: undefined }), []);
  t.end();
});
