import t from 'tap';
import type { Block, ReportDocument } from '../../lib/report/document.js';
import { toHtml } from '../../lib/report/html.js';
import { toMarkdown } from '../../lib/report/markdown.js';

const documentOf = (...blocks: Block[]): ReportDocument => ({
  title: 'T <1>',
  subtitle: 'of `x`',
  headlines: [{ label: 'L', value: '1', note: 'n' }],
  notice: undefined,
  sections: [{ id: 's', title: 'S', blocks }],
});

t.test('when a cell holds a bar or a line end, then the table stays whole', async (t) => {
  const table: Block = { kind: 'table', head: ['a', 'b'], rows: [['x|y', 'u\n v']] };
  t.match(toMarkdown(documentOf(table)), '| a | b |\n| --- | --- |\n| x\\|y | u v |');
});

t.test('when code holds a fence, then the fence around it is longer', async (t) => {
  const code: Block = { kind: 'code', language: 'text', text: '```\nx\n```' };
  t.match(toMarkdown(documentOf(code)), '````text\n```\nx\n```\n````');
});

t.test('when a chart is told, then in words', async (t) => {
  const chart: Block = { kind: 'chart', title: 'C', svg: '<svg ></svg>', summary: 'a "1"' };
  t.match(toMarkdown(documentOf(chart)), '*C.* a "1"');
  t.match(toHtml(documentOf(chart)), '<svg role="img" aria-label="a &quot;1&quot;" >');
});

t.test('when there is a notice, then it stands above all', async (t) => {
  const document = { ...documentOf(), notice: 'not ended' };
  t.match(
    toMarkdown(document),
    /^# T <1>\n\nof `x`\n\n> \*\*not ended\*\*\n\n- L: \*\*1\*\* \(n\)/,
  );
  t.match(toHtml(document), '<p class="notice">not ended</p>');
});

t.test('when a column holds numbers only, then it stands right', async (t) => {
  const rows = [
    ['x', '1,234', '+3.1\u00a0%', '1.04 MB', '–'],
    ['y', '0.5', '−4 %', '835 kB', '2'],
  ];
  const html = toHtml(documentOf({ kind: 'table', head: ['a', 'b', 'c', 'd', 'e'], rows }));
  t.equal(html.match(/<td class="number">/g)?.length, 8);
  t.match(html, '<td>x</td>');
});

t.test('when text is marked, then `code` and **bold** are shown as such', async (t) => {
  const html = toHtml(documentOf({ kind: 'text', text: '`a<b` **c** d\ne' }));
  t.match(html, '<p><code>a&lt;b</code> <strong>c</strong> d<br>e</p>');
});
