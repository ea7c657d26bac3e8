import t from 'tap';
import { camelKeys } from '../../lib/config/camel_keys.js';

t.test('when keys have underscores, then at every depth they lose them', async (t) => {
  t.same(camelKeys({ a_b: [{ token_share: 1 }], c: { kv_heads: null } }), {
    aB: [{ tokenShare: 1 }],
    c: { kvHeads: null },
  });
});

t.test('when values have underscores, then they keep them', async (t) => {
  t.same(camelKeys({ task: 'arc_easy' }), { task: 'arc_easy' });
});
