import t from 'tap';
import { ignored } from '../../../lib/data/pack_examples.js';
import { examples, tokenCounts } from '../../../bench/suites/recovery.js';

t.test('when examples are made, then each has a prompt without targets and a response', (t) => {
  t.equal(examples.length, 128);
  for (const { ids, labels } of examples) {
    const prompt = labels.filter((label) => label === ignored).length;
    t.ok(prompt > 0 && prompt < ids.length && ids.length <= 256);
    t.ok(labels.every((label, i) => label === (i < prompt ? ignored : ids[i])));
    t.ok(ids.every((id) => id >= 0 && id < 8192));
  }
  t.end();
});

t.test('when tokens are counted, then as Alpaca in batches of 16 has them', (t) => {
  // The longest of each 16 in the order of the list; the other sums by a few lines of Python.
  const longest = [226, 218, 256, 256, 179, 230, 214, 150];
  t.equal(tokenCounts.computedPadded, 16 * longest.reduce((sum, n) => sum + n, 0));
  t.equal(tokenCounts.computedGrouped, 16416);
  t.equal(tokenCounts.usefulTokens, 14604);
  t.equal(tokenCounts.targets, 7180, 'totals without prompts');
  t.ok(tokenCounts.computedPacked >= tokenCounts.usefulTokens);
  t.end();
});
