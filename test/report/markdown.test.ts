import t from 'tap';
import type { Block } from '../../lib/report/document.js';
import { toMarkdown } from '../../lib/report/markdown.js';
import { chart, documentOf } from '../fixtures/report_document.js';

t.test('when a cell holds a bar or a line end, then the table stays whole', async (t) => {
  const table: Block = { kind: 'table', head: ['a', 'b'], rows: [['x|y', 'u\n v']] };
  t.match(toMarkdown(documentOf(table)), '| a | b |\n| --- | --- |\n| x\\|y | u v |');
});

t.test('when code holds a fence, then the fence around it is longer', async (t) => {
  const code: Block = { kind: 'code', language: 'text', text: '```\nx\n```' };
  t.match(toMarkdown(documentOf(code)), '````text\n```\nx\n```\n````');
});

t.test('when a chart is told, then in words', async (t) => {
  t.match(toMarkdown(documentOf(chart)), '*C.* a "1"');
});

t.test('when there is a notice, then it stands above all', async (t) => {
  const document = { ...documentOf(), notice: 'not ended' };
  t.match(
    toMarkdown(document),
    /^# T <1>\n\nof `x`\n\n> \*\*not ended\*\*\n\n- L: \*\*1\*\* \(n\)/,
  );
});

t.test('when a table is put away, then Markdown says where it is', async (t) => {
  const table: Block = { kind: 'table', folded: 'All groups', head: ['a'], rows: [['x']] };
  t.match(toMarkdown(documentOf(table)), '*All groups: in `report.json`.*');
});
