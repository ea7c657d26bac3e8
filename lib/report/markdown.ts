// The report in Markdown: everything but the drawings, which are told in words, and the long tables, which are in report.json.
import { type Block, type Cell, type ReportDocument, shown } from './document.js';

/** GitHub-flavoured Markdown. */
export function toMarkdown({
  title,
  subtitle,
  headlines,
  notice,
  sections,
}: ReportDocument): string {
  const parts = [
    `# ${title}`,
    subtitle,
    ...(notice === undefined ? [] : [`> **${notice}**`]),
    headlines
      .map(({ label, value, note }) => `- ${label}: **${value.shown}** (${note})`)
      .join('\n'),
    ...sections.flatMap((section) => [`## ${section.title}`, ...section.blocks.map(blockOf)]),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function blockOf(block: Block): string {
  switch (block.kind) {
    case 'text':
      return block.text;
    case 'chart':
      return `*${block.title}.* ${block.summary}`;
    case 'code':
      return fenced(block.language, block.text);
    case 'table':
      if (block.folded !== undefined) return `*${block.folded}: in \`report.json\`.*`;
      return [block.head, block.head.map(() => '---'), ...block.rows].map(row).join('\n');
  }
}

const row = (cells: readonly Cell[]) => `| ${cells.map((c) => cell(shown(c))).join(' | ')} |`;

const cell = (value: string) => value.replaceAll('|', '\\|').replace(/\s*\n\s*/g, ' ');

/** A fence longer than any in the text. */
function fenced(language: string, value: string): string {
  const longest = Math.max(2, ...(value.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${value}\n${fence}`;
}
