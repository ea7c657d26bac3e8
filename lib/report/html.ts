// The report as one HTML file that needs nothing else: style and drawings inside, readable in light, dark and on paper.
import type { Block, ReportDocument } from './document.js';

const style = `
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6875; --line: #d9dfe5; --card: #f5f7f9; --page: #fff; --mark: #9a3412; --mark-ground: #fff4ec; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e8ed; --soft: #9aa7b3; --line: #33404c; --card: #1b242d; --page: #12181e; --mark: #fdba74; --mark-ground: #2e1f14; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.01em; }
h2 { margin: 3rem 0 0.5rem; font-size: 1.25rem; }
h2 + * { margin-top: 0; }
p { margin: 0.75rem 0; max-width: 46rem; overflow-wrap: break-word; }
.subtitle { color: var(--soft); margin: 0.4rem 0 1.5rem; }
nav { margin: 1.5rem 0 0; font-size: 0.9rem; display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; }
a { color: inherit; text-decoration-color: var(--soft); text-underline-offset: 0.2em; }
.notice { border-left: 4px solid var(--mark); background: var(--mark-ground); color: var(--mark); padding: 0.75rem 1rem; max-width: none; }
.headlines { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 0.9rem; margin: 0; }
.headlines > div { background: var(--card); border-radius: 10px; padding: 0.9rem 1.1rem; display: flex; flex-direction: column; }
.headlines dt { color: var(--soft); font-size: 0.85rem; }
.headlines dd { margin: 0; }
.headlines dd.value { font-size: 1.55rem; font-weight: 650; font-variant-numeric: tabular-nums; }
.headlines dd.note { color: var(--soft); font-size: 0.85rem; }
figure { margin: 1.25rem 0; }
figcaption { font-weight: 600; font-size: 0.95rem; margin-bottom: 0.25rem; }
figure svg { display: block; max-width: 100%; height: auto; color: var(--ink); }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.35rem 0.9rem 0.35rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
td.number { text-align: right; white-space: nowrap; } th.number { text-align: right; }
pre { background: var(--card); border-radius: 8px; padding: 0.9rem 1.1rem; overflow-x: auto; font-size: 0.87rem; line-height: 1.5; }
pre.text { white-space: pre-wrap; overflow-wrap: anywhere; }
code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: 0.92em; }
p code, td code { background: var(--card); padding: 0.1em 0.3em; border-radius: 4px; }
footer { margin-top: 3rem; color: var(--soft); font-size: 0.85rem; }
@media (max-width: 40rem) { body { padding: 1.25rem 0.9rem 3rem; } h1 { font-size: 1.5rem; } }
@media print { body { max-width: none; } figure, .headlines > div { break-inside: avoid; } nav { display: none; } }
`;

/** A whole page. */
export function toHtml(document: ReportDocument): string {
  const { title, subtitle, headlines, notice, sections } = document;
  const links = sections.map(({ id, title: t }) => `<a href="#${id}">${escape(t)}</a>`).join('\n');
  const cards = headlines
    .map(
      ({ label, value, note }) =>
        `<div><dt>${escape(label)}</dt><dd class="value">${escape(value)}</dd><dd class="note">${escape(note)}</dd></div>`,
    )
    .join('\n');
  const body = sections
    .map(
      ({ id, title: t, blocks }) =>
        `<section id="${id}">\n<h2>${escape(t)}</h2>\n${blocks.map(blockOf).join('\n')}\n</section>`,
    )
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
<header>
<h1>${escape(title)}</h1>
<p class="subtitle">${inline(subtitle)}</p>
</header>
<main>
${notice === undefined ? '' : `<p class="notice">${inline(notice)}</p>\n`}<dl class="headlines">
${cards}
</dl>
<nav aria-label="Sections">
${links}
</nav>
${body}
</main>
<footer>Made by lorashear-native from the artefacts in the run's folder.</footer>
</body>
</html>
`;
}

function blockOf(block: Block): string {
  switch (block.kind) {
    case 'text':
      return `<p>${inline(block.text)}</p>`;
    case 'code':
      return `<pre class="${escape(block.language)}"><code>${escape(block.text)}</code></pre>`;
    case 'chart':
      return `<figure>\n<figcaption>${escape(block.title)}</figcaption>\n${labelled(block.svg, block.summary)}\n</figure>`;
    case 'table':
      return tableOf(block.head, block.rows);
  }
}

/** Read aloud, a drawing is its summary. */
function labelled(svg: string, summary: string): string {
  return svg.replace('<svg ', `<svg role="img" aria-label="${escape(summary)}" `);
}

/** Columns of numbers stand right. */
function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const numeric = head.map((_, c) =>
    rows.every((row) =>
      /^([+−-]?[\d.,]+(e[+-]?\d+)?([ \u00a0](%|[kMGT]?B|s))?|–|)$/.test(row[c] ?? ''),
    ),
  );
  const mark = (c: number) => (numeric[c] ? ' class="number"' : '');
  const header = head.map((h, c) => `<th scope="col"${mark(c)}>${inline(h)}</th>`).join('');
  const body = rows
    .map((row) => `<tr>${row.map((v, c) => `<td${mark(c)}>${inline(v)}</td>`).join('')}</tr>`)
    .join('\n');
  return `<div class="scroll"><table>\n<thead><tr>${header}</tr></thead>\n<tbody>\n${body}\n</tbody>\n</table></div>`;
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
