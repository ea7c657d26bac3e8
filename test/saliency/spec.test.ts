import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { saliencyAliases, saliencyFacts, saliencyNames } from '../../lib/saliency/names.js';
import {
  momentsOf,
  needsOf,
  parseSaliency,
  partsOf,
  specName,
  spelledOut,
} from '../../lib/saliency/spec.js';

t.test('when a name or an alias is read, then it is that saliency', async (t) => {
  for (const name of saliencyNames) {
    t.equal(parseSaliency(name), name);
    t.equal(parseSaliency(` ${name.replaceAll('_', '-')} `), name);
    t.equal(specName(name), name);
    t.strictSame(partsOf(name), [[name, 1]]);
    t.strictSame([...needsOf(name)], [saliencyFacts[name].needs]);
  }
  t.equal(parseSaliency('flap'), 'fluctuation');
});

t.test(
  'when several are read, then each has its weight, and their name reads the same',
  async (t) => {
    const mixed = parseSaliency('wanda=0.5, magnitude=2e-1,taylor-first=3');
    t.same(mixed, { wanda: 0.5, magnitude: 0.2, taylor_first: 3 });
    t.equal(specName(mixed), 'magnitude=0.2,taylor_first=3,wanda=0.5');
    t.same(parseSaliency(specName(mixed)), mixed);
    t.strictSame([...needsOf(mixed)].sort(), ['inputs', 'lora', 'weights']);
    t.same(parseSaliency('flap=1'), { fluctuation: 1 });
    t.strictSame([...needsOf(parseSaliency('dense_cosine=1'))], ['gradients']);
    t.equal(momentsOf('magnitude'), undefined);
    t.equal(momentsOf(mixed), 'squares');
    t.equal(momentsOf(parseSaliency('wanda=1,reconstruction=2')), 'products');
  },
);

t.test('when the text is no saliency, then the error says what is known', async (t) => {
  for (const text of [
    ...['', 'magnitud', 'magnitude,wanda', 'constructor', 'magnitude=', 'magnitude=0', 'wanda=-1'],
    ...['wanda=x', 'wanda=1=2', 'wanda=Infinity', 'magnitude=1,', 'wanda=1,wanda=2', '=1'],
    ...['flap=1,fluctuation=1', 'toString=1'],
  ]) {
    t.throws(
      () => parseSaliency(text),
      { code: 'CONFIG_INVALID', hint: /dense_taylor_second/ },
      text,
    );
  }
});

t.test(
  'when a job is read, then aliases and text are written out and the rest is left to the schema',
  async (t) => {
    t.equal(spelledOut('flap'), 'fluctuation');
    t.same(spelledOut('flap=1,wanda=2'), { fluctuation: 1, wanda: 2 });
    t.same(spelledOut({ flap: 1 }), { fluctuation: 1 });
    t.same(spelledOut({ flap: 1, fluctuation: 2 }), { flap: 1, fluctuation: 2 });
    for (const other of ['magnitud', 3, null, [1], { x: 'y' }, undefined])
      t.same(spelledOut(other), other);
  },
);

t.test(
  'when the page on saliencies is read, then it has a row for each, with what it needs',
  async (t) => {
    const path = fileURLToPath(new URL('../../../docs/saliency.md', import.meta.url));
    const page = readFileSync(path, 'utf8');
    const rows = page.split('\n').filter((line) => line.startsWith('| `'));
    const said = rows.map((row) => row.split('|').map((cell) => cell.trim()));
    t.strictSame(
      said.map(([, name, , needs]) => [name?.replaceAll('`', '').split(' ')[0], needs]),
      saliencyNames.map((name) => [name, saliencyFacts[name].needs]),
    );
    for (const alias of Object.keys(saliencyAliases)) t.match(page, `\`${alias}\``);
  },
);
