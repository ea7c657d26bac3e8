import t from 'tap';
import type { Block, ReportDocument } from '../../lib/report/document.js';
import { toHtml } from '../../lib/report/html.js';

const documentOf = (...blocks: Block[]): ReportDocument => ({
  title: 'T <1>',
  subtitle: 'of `x`',
  headlines: [{ label: 'L', value: '1', note: 'n' }],
  notice: undefined,
  sections: [{ id: 's', title: 'S', blocks }],
});

t.test('when a drawing is read aloud, then it is its summary', async (t) => {
  const chart: Block = { kind: 'chart', title: 'C', svg: '<svg ></svg>', summary: 'a "1"' };
  t.match(toHtml(documentOf(chart)), '<svg role="img" aria-label="a &quot;1&quot;" >');
});

t.test('when there is a notice, then it stands above all', async (t) => {
  const html = toHtml({ ...documentOf(), notice: 'not ended' });
  t.match(html, '<p class="notice">not ended</p>');
  t.ok(html.indexOf('class="notice"') < html.indexOf('class="headlines"'));
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
