// The report as one HTML file that needs nothing else and no script: style and drawings inside, tables behind the drawings.
import { type Block, type Cell, type ReportDocument, shown, type TableData } from './document.js';
import { style } from './html_style.js';

/** A whole page. */
export function toHtml({
  title,
  subtitle,
  headlines,
  notice,
  sections,
  footer = "Made by lorashear-native from the artefacts in the run's folder.",
}: ReportDocument): string {
  const links = sections
    .map(({ id, title: t }) => `<li><a href="#${id}">${escape(t)}</a></li>`)
    .join('\n');
  const cards = headlines
    .map(
      ({ label, value, note }) =>
        `<div><dt>${escape(label)}</dt><dd class="value">${escape(value.shown)}</dd><dd class="note">${escape(note)}</dd></div>`,
    )
    .join('\n');
  const body = sections
    .map(({ id, title: t, blocks }) => {
      const inside = blocks.map((block, i) => blockOf(block, `${id}-${i + 1}`, t));
      return `<section id="${id}" aria-labelledby="${id}-title">\n<h2 id="${id}-title">${escape(t)}</h2>\n${inside.join('\n')}\n</section>`;
    })
    .join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
<header>
<h1>${escape(title)}</h1>
<p class="subtitle">${inline(subtitle)}</p>
</header>
<main id="main" tabindex="-1">
${notice === undefined ? '' : `<p class="notice">${inline(notice)}</p>\n`}<dl class="headlines">
${cards}
</dl>
<nav aria-label="Sections">
<ul>
${links}
</ul>
</nav>
${body}
</main>
<footer>${inline(footer)}</footer>
</body>
</html>
`;
}

/** `id` is the page's own for this block, `about` what a reader is told who lands on it without its heading. */
function blockOf(block: Block, id: string, about: string): string {
  switch (block.kind) {
    case 'text':
      return `<p>${inline(block.text)}</p>`;
    case 'code':
      return `<pre class="${escape(block.language)}" tabindex="0" role="group" aria-label="${escape(`${about}: ${block.language}`)}"><code>${escape(block.text)}</code></pre>`;
    case 'chart':
      return figureOf(block, id);
    case 'table':
      return block.folded === undefined
        ? tableOf(block, about)
        : `<details>\n<summary>${escape(block.folded)}</summary>\n${tableOf(block, block.folded)}\n</details>`;
  }
}

function figureOf(block: Extract<Block, { kind: 'chart' }>, id: string): string {
  const { title, summary, data } = block;
  const drawings = (['wide', 'narrow'] as const).map((frame) =>
    block[frame]
      // Drawings number their parts as they are made: on the page by their place.
      .replace(/zr\d+/g, `${id}-${frame}`)
      .replace(
        '<svg ',
        `<svg class="${frame}" role="img" aria-label="${escape(`${title}. ${summary}`)}" `,
      ),
  );
  return `<figure aria-labelledby="${id}-caption">
<figcaption id="${id}-caption">${escape(title)}</figcaption>
${drawings.join('\n')}
<details>
<summary>The same in numbers</summary>
${tableOf(data, title)}
</details>
</figure>`;
}

/** Columns of numbers stand right; the first cell of a row names it. */
function tableOf({ head, rows }: TableData, about: string): string {
  const numeric = head.map((_, c) => {
    const cells = rows.map((row) => row[c] ?? '');
    return (
      cells.some((cell) => typeof cell !== 'string') &&
      cells.every((cell) => typeof cell !== 'string' || cell === '' || cell === '–')
    );
  });
  const mark = (c: number, cell: Cell): string => {
    if (numeric[c]) return ' class="number"';
    return shown(cell).length > 28 && !shown(cell).startsWith('`') ? ' class="words"' : '';
  };
  const header = head.map((h, c) => `<th scope="col"${mark(c, '')}>${inline(h)}</th>`).join('');
  const body = rows
    .map((row) => {
      const cells = row.map((cell, c) => {
        const [tag, scope] = c === 0 && !numeric[0] ? ['th', ' scope="row"'] : ['td', ''];
        return `<${tag}${scope}${mark(c, cell)}>${inline(shown(cell))}</${tag}>`;
      });
      return `<tr>${cells.join('')}</tr>`;
    })
    .join('\n');
  return `<div class="scroll" tabindex="0" role="group" aria-label="${escape(`Table: ${about}`)}"><table>\n<thead><tr>${header}</tr></thead>\n<tbody>\n${body}\n</tbody>\n</table></div>`;
}

/** Escaped text with its `code` spans and **bold** words. */
function inline(value: string): string {
  return escape(value)
    .replace(/`([^`]+)`/g, '<code>$1</code>')
    .replace(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
    .replaceAll('\n', '<br>');
}

export function escape(value: string): string {
  return value
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
