import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { commands } from '../../lib/cli/commands.js';
import { commandsText } from '../../scripts/docs_commands.js';

t.test('when a command changes, then docs/commands.md is made again', async (t) => {
  const path = fileURLToPath(new URL('../../../docs/commands.md', import.meta.url));
  const text = await commandsText();
  t.equal(readFileSync(path, 'utf8'), text, 'run `node dist/scripts/docs_commands.js`');
  for (const name of Object.keys(commands)) t.match(text, `\n## ${name}\n`);
});

t.test('when help is asked for, then every command teaches by example', async (t) => {
  const text = await commandsText();
  for (const [i, part] of text.split(/\n## /).slice(1).entries()) {
    const name = Object.keys(commands)[i] ?? '';
    t.ok(part.startsWith(`${name}\n`), name);
    const examples = part.slice(part.indexOf('Examples:'));
    t.match(examples, `lorashear-native ${name} `, name);
    const known = [...part.matchAll(/^\| `([^`]*)`/gm)].flatMap(([, flags = '']) =>
      [...flags.matchAll(/(?<=^|\s)-{1,2}[\w-]+/g)].map(([flag]) => flag),
    );
    const lines = examples.replaceAll('\\\n', ' ').split('\n');
    for (const line of lines.filter((text) => text.includes(`lorashear-native ${name} `))) {
      const [command = ''] = line.split(/ [|#] /);
      for (const [flag] of command.matchAll(/(?<=\s)-{1,2}[a-z][\w-]*/g)) {
        t.ok(known.includes(flag), `${name}: ${flag} is an option`);
      }
    }
  }
});
