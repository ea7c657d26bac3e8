import t from 'tap';
import { type Block, type ReportDocument, table, text } from '../../lib/report/document.js';
import { toHtml } from '../../lib/report/html.js';
import { toMarkdown } from '../../lib/report/markdown.js';

const page = (...blocks: Block[]): ReportDocument => ({
  ...{ title: 'T', subtitle: 'S', headlines: [], missing: [], notice: undefined },
  sections: [{ id: 'one', title: 'One', blocks }],
});

t.test('when a table is put together, then both forms have its cells in their places', (t) => {
  const head = ['name', 'value'];
  const rows = [
    ['a', '1'],
    ['b', '2.5'],
    ['c', ''],
  ];
  const document = page(table(head, rows));
  const lines = toMarkdown(document).split('\n');
  const start = lines.indexOf('| name | value |');
  const cells = (line = '') =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim());
  t.strictSame(lines.slice(start + 2, start + 5).map(cells), rows);
  const html = toHtml(document);
  const found = Array.from(html.matchAll(/<tr>(.*?)<\/tr>/g), ([, row = '']) =>
    Array.from(row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/g), ([, cell]) => cell),
  );
  t.strictSame(found, [head, ...rows]);
  t.end();
});

t.test('when text is put in, then both forms have it as a paragraph of its own', (t) => {
  const document = page(text('first `x` & **y**'), text('second'));
  t.match(toMarkdown(document), '\n\nfirst `x` & **y**\n\nsecond\n');
  t.match(toHtml(document), '<p>first <code>x</code> &amp; <strong>y</strong></p>\n<p>second</p>');
  t.end();
});

t.test('when a table has no rows, then it still has its head', (t) => {
  t.match(toMarkdown(page(table(['a', 'b'], []))), '| a | b |\n| --- | --- |\n');
  t.match(toHtml(page(table(['a'], []))), />a<\/th>/);
  t.end();
});
