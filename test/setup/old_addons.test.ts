import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { forgetOldAddons } from '../../lib/setup/old_addons.js';

const day = 86_400;

/** A folder of addons, each built so many days before `now`. */
function addons(t: Test, ages: readonly number[]): string {
  const folder = t.testdir(
    Object.fromEntries(ages.map((_, i) => [`addon-${i}`, { 'lorashear.node': 'x' }])),
  );
  const now = Date.now() / 1000;
  ages.forEach((age, i) => {
    utimesSync(join(folder, `addon-${i}`), now - age * day, now - age * day);
  });
  return folder;
}

t.test('when there are ten addons, then none goes, however old', (t) => {
  const folder = addons(t, Array(10).fill(100) as number[]);
  forgetOldAddons(folder);
  t.equal(readdirSync(folder).length, 10);
  t.end();
});

t.test('when there are more, then the oldest go that nobody built within a week', (t) => {
  const folder = addons(t, [0, 1, 2, 3, 4, 5, 6, 6, 6, 6, 6, 8, 30]);
  forgetOldAddons(folder);
  t.same(
    readdirSync(folder).filter((name) => /-1[0-2]$/.test(name)),
    ['addon-10'],
    'the eleventh is young: another clone may load it',
  );
  t.equal(readdirSync(folder).length, 11);
  t.end();
});
