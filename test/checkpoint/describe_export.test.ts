import t from 'tap';
import { describeExport } from '../../lib/checkpoint/describe_export.js';

t.test('when an export is described, then zeros and engines have their lines', (t) => {
  const rule = { rule: 'heads agree', ok: false, detail: '2, 4', source: 'read' };
  t.same(
    describeExport({
      ...{ dir: 'out', form: 'padded', modelType: 'mistral', reason: 'six heads' },
      ...{ parameters: 17_632, bytes: 71_000, waste: { parameters: 1728, bytes: 6912 } },
      engines: [
        { engine: 'vllm', loads: false, rules: [rule], notes: [] },
        { engine: 'transformers', loads: true, rules: [], notes: [] },
      ],
    }),
    [
      'padded: 17,632 parameters, 71,000 bytes, as mistral, in out',
      'six heads',
      '1,728 of its 17,632 parameters (9.8 %, 6,912 bytes) are zeros that make all layers alike; they change nothing that it computes.',
      'vllm: no: heads agree (2, 4)',
      'transformers: takes it',
    ],
  );
  t.end();
});
