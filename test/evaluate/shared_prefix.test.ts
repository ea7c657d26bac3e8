import t from 'tap';
import { sharedRows } from '../../lib/evaluate/shared_prefix.js';

/** Rows as `trunk|branch|branch`, with the sequences of each. */
function rows(words: readonly string[], maxTokens = 100): [string, number[]][] {
  const inputs = words.map((word) => Int32Array.from(word, (letter) => letter.charCodeAt(0)));
  return sharedRows(inputs, [...words.keys()], maxTokens).map(({ tree, input, members }) => {
    const text = String.fromCharCode(...input);
    let at = tree.trunk;
    const branches = tree.branches.map((size) => text.slice(at, (at += size)));
    for (const { sequence, branch } of members) {
      const word = words[sequence]!;
      const rest = word.slice(tree.trunk);
      t.equal(text.slice(0, tree.trunk) + text.slice(branch, branch + rest.length), word);
    }
    return [[text.slice(0, tree.trunk), ...branches].join('|'), members.map((m) => m.sequence)];
  });
}

t.test('when inputs begin alike, then their beginning stands once', (t) => {
  t.strictSame(rows(['context-one', 'other', 'context-two', 'context-']), [
    ['context-|one|two', [3, 0, 2]],
    ['other', [1]],
  ]);
  t.end();
});

t.test('when inputs are equal, then they share all', (t) => {
  t.strictSame(rows(['abcd', 'abcd', 'abcx', 'abcx']), [['abc|d|x', [0, 1, 2, 3]]]);
  t.strictSame(rows(['same', 'same']), [['same', [0, 1]]]);
  t.end();
});

t.test('when little is shared, or a row would be too long, then rows stay apart', (t) => {
  t.strictSame(rows(['a long one', 'another thing']).length, 2);
  t.strictSame(rows(['context-one', 'context-two'], 13).length, 2);
  t.strictSame(rows(['context-one', 'context-two'], 14).length, 1);
  t.strictSame(rows([]), []);
  t.end();
});
