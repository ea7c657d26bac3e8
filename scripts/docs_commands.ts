// Writes docs/commands.md from the commands themselves: `node dist/scripts/docs_commands.js`.
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, type Option } from 'commander';
import { format } from 'prettier';
import { commands } from '../lib/cli/commands.js';

const program = 'lorashear-native';

/** What stands after the options in a command's help: words, and the examples. */
function afterOptions(command: Command): { words: string; examples: string } {
  let written = '';
  const write = (text: string): void => void (written += text);
  command.configureOutput({ writeOut: write, getOutHelpWidth: () => 400 });
  command.outputHelp();
  const after = written.slice(command.helpInformation().length).trim();
  const at = after.search(/^Examples:$/m);
  if (at < 0) throw new Error(`${command.name()} has no examples`);
  const examples = after.slice(at).split('\n').slice(1);
  return {
    words: after.slice(0, at).trim(),
    examples: examples.map((line) => line.replace(/^ {2}/, '')).join('\n'),
  };
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replace(/([<>])/g, '\\$1');

/** Options by group, in the order in which help has them. */
function optionTables({ options }: Command): string[] {
  const groups = new Map<string, Option[]>();
  for (const option of options.filter(({ hidden }) => !hidden)) {
    const name = option.helpGroupHeading ?? 'Options:';
    groups.set(name, [...(groups.get(name) ?? []), option]);
  }
  return [...groups].flatMap(([name, own]) => [
    '',
    `| ${name.replace(/:$/, '')} | |`,
    '| --- | --- |',
    ...own.map((option) => `| \`${option.flags.replaceAll('|', '\\|')}\` | ${described(option)} |`),
  ]);
}

function described({ description, mandatory, argChoices, defaultValue }: Option): string {
  const more = [
    ...(argChoices ? [`one of ${argChoices.join(', ')}`] : []),
    ...(typeof defaultValue === 'string' ? [`default ${defaultValue}`] : []),
    ...(mandatory ? ['**required**'] : []),
  ];
  return [cell(description), ...more].join('; ');
}

async function section(name: string): Promise<string[]> {
  const entry = commands[name];
  if (!entry) throw new Error(`no command ${name}`);
  const command = (await entry.load([])).name(name);
  new Command(program).addCommand(command);
  const { words, examples } = afterOptions(command);
  const operands = command.registeredArguments.map(
    (argument) => `- \`${argument.name()}\`: ${cell(argument.description)}`,
  );
  return [
    ...['', `## ${name}`, '', `${capital(command.description())}.`, ''],
    ...['```sh', `${program} ${name} ${command.usage()}`, '```', ''],
    ...operands,
    ...optionTables(command),
    ...(words === '' ? [] : ['', '```text', words, '```']),
    ...['', 'Examples:', '', '```sh', examples, '```'],
  ];
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** docs/commands.md. */
export async function commandsText(): Promise<string> {
  const names = Object.keys(commands);
  const sections = await Promise.all(names.map(section));
  return format(
    [
      '# Commands',
      '',
      'Made from `lib/cli/` by `scripts/docs_commands.ts`; `--help` of each command says the same. Defaults stand in brackets.',
      'Errors and exit codes: [errors](errors.md). Keys of a job: [job.schema.json](job.schema.json).',
      '',
      '| | |',
      '| --- | --- |',
      ...names.map((name) => `| [\`${name}\`](#${name}) | ${commands[name]?.summary ?? ''} |`),
      ...sections.flat(),
      '',
    ].join('\n'),
    { parser: 'markdown', printWidth: 100 },
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(resolve('docs/commands.md'), await commandsText());
}
