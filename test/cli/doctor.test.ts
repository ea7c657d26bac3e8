import t from 'tap';
import { describe, doctorCommand } from '../../lib/cli/doctor.js';
import { captureOutput } from './captured_output.js';

t.test(
  'when something is wrong, then its remedy stands below it and the verdict at the end',
  (t) => {
    const text = describe(
      [
        { name: 'Node', state: 'ok', value: 'v20' },
        { name: 'libtorch', state: 'problem', value: 'none', hint: 'run setup' },
      ],
      false,
    );
    const lines = text.trimEnd().split('\n');
    t.match(lines[0], /Node {6}v20/);
    t.match(lines[1], /libtorch {2}none/);
    t.match(lines[2], /→ run setup/);
    t.match(lines.at(-1), /not ready/);
    t.end();
  },
);

t.test('when asked for JSON, then verdict, findings and exit code agree', async (t) => {
  const { texts, restore } = captureOutput((text) => text.startsWith('{'));
  const before = process.exitCode;
  t.teardown(() => {
    restore();
    process.exitCode = before;
  });
  await doctorCommand().parseAsync(['--json'], { from: 'user' });
  const { healthy, findings } = JSON.parse(texts.join('')) as {
    healthy: boolean;
    findings: { name: string; state: string }[];
  };
  t.equal(
    healthy,
    findings.every(({ state }) => state !== 'problem'),
  );
  t.equal(process.exitCode ?? 0, healthy ? 0 : 1);
  t.ok(findings.some(({ name }) => name === 'libtorch'));
});
