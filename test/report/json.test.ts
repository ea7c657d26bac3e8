import t from 'tap';
import type { ReportDocument } from '../../lib/report/document.js';
import { toJson } from '../../lib/report/json.js';

const document: ReportDocument = {
  title: 'T',
  subtitle: 'of `x`',
  headlines: [{ label: 'L', value: { value: 0.25, shown: '25 %' }, note: 'n' }],
  missing: ['export'],
  notice: 'not ended',
  sections: [
    {
      id: 's',
      title: 'S',
      blocks: [
        { kind: 'text', text: 'a **b**' },
        {
          ...{ kind: 'table', folded: 'All', head: ['name', 'n'] },
          rows: [
            ['x', { value: 1.23456789, shown: '1.235' }],
            ['y', { value: null, shown: '–' }],
          ],
        },
        { kind: 'code', language: 'sh', text: 'ls' },
        {
          ...{ kind: 'chart', title: 'C', summary: 'in words', wide: '<svg>', narrow: '<svg>' },
          data: { head: ['n'], rows: [[{ value: 7, shown: '7' }]] },
        },
      ],
    },
  ],
};

t.test('when a report is data, then numbers are whole and drawings are their tables', (t) => {
  t.strictSame(toJson(document), {
    ...{ format: 1, title: 'T', subtitle: 'of `x`', missing: ['export'] },
    headlines: [{ label: 'L', value: 0.25, shown: '25 %', note: 'n' }],
    sections: [
      {
        id: 's',
        title: 'S',
        blocks: [
          { kind: 'text', text: 'a **b**' },
          {
            ...{ kind: 'table', title: 'All', columns: ['name', 'n'] },
            rows: [
              ['x', 1.23456789],
              ['y', null],
            ],
          },
          { kind: 'code', language: 'sh', text: 'ls' },
          { kind: 'chart', title: 'C', summary: 'in words', columns: ['n'], rows: [[7]] },
        ],
      },
    ],
  });
  t.end();
});

t.test('when it is written and read, then nothing is lost', (t) => {
  const data = toJson(document);
  t.strictSame(JSON.parse(JSON.stringify(data)), data);
  t.end();
});
