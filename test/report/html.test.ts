import t from 'tap';
import { toHtml } from '../../lib/report/html.js';
import { chart, documentOf } from '../fixtures/report_document.js';

t.test('when a drawing is read aloud, then it is its summary', async (t) => {
  const html = toHtml(documentOf(chart));
  for (const frame of ['wide', 'narrow']) {
    t.match(html, `<svg class="${frame}" role="img" aria-label="C. a &quot;1&quot;" >`);
  }
  t.match(
    html,
    /<details>\n<summary>The same in numbers<\/summary>[^]*<td class="number">1\.3<\/td>/,
  );
});

t.test('when there is a notice, then it stands above all', async (t) => {
  const html = toHtml({ ...documentOf(), notice: 'not ended' });
  t.match(html, '<p class="notice">not ended</p>');
  t.ok(html.indexOf('class="notice"') < html.indexOf('class="headlines"'));
});

t.test(
  'when a column holds numbers only, then it stands right; the first names the row',
  async (t) => {
    const n = (shown: string) => ({ value: 1, shown });
    const rows = [
      ['x', n('1,234'), n('5 %'), n('7')],
      ['y', '', '–', 'none'],
    ];
    const html = toHtml(documentOf({ kind: 'table', head: ['a', 'b', 'c', 'd'], rows }));
    t.equal(html.match(/<td class="number">/g)?.length, 4);
    t.match(html, '<th scope="row">x</th>');
    t.match(html, '<td>7</td>', 'with words between them they stand left');
  },
);

t.test(
  'when a table or code may be wider than the page, then the keyboard reaches it',
  async (t) => {
    const html = toHtml(
      documentOf(
        { kind: 'table', head: ['a'], rows: [['x']] },
        { kind: 'table', folded: 'All "of" them', head: ['a'], rows: [['x']] },
        { kind: 'code', language: 'sh', text: 'ls' },
      ),
    );
    t.match(html, '<div class="scroll" tabindex="0" role="group" aria-label="Table: S">');
    t.match(html, '<summary>All &quot;of&quot; them</summary>\n<div class="scroll" tabindex="0"');
    t.match(html, '<pre class="sh" tabindex="0" role="group" aria-label="S: sh">');
    t.match(html, /<body>\n<a class="skip" href="#main">/);
  },
);

t.test('when text is marked, then `code` and **bold** are shown as such', async (t) => {
  const html = toHtml(documentOf({ kind: 'text', text: '`a<b` **c** d\ne' }));
  t.match(html, '<p><code>a&lt;b</code> <strong>c</strong> d<br>e</p>');
});
