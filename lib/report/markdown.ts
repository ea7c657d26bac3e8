// The report in Markdown: everything but the drawings, which are told in words.
import type { Block, ReportDocument } from './document.js';

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
    headlines.map(({ label, value, note }) => `- ${label}: **${value}** (${note})`).join('\n'),
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
      return [block.head, block.head.map(() => '---'), ...block.rows].map(row).join('\n');
  }
}

const row = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;

const cell = (value: string) => value.replaceAll('|', '\\|').replace(/\s*\n\s*/g, ' ');

/** A fence longer than any in the text. */
function fenced(language: string, value: string): string {
  const longest = Math.max(2, ...(value.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${value}\n${fence}`;
}
