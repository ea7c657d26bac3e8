import t from 'tap';
import { parseStrictJson } from '../../lib/checkpoint/strict_json.js';

t.test('when a text is JSON, then the value is that of JSON.parse', (t) => {
  for (const text of [
    '{"a":[1,-2.5e3,"x",{"a":null}],"b":{"a":true}}',
    '[{"a":1},{"a":2},{"a":["a","a"]}]',
    ' {"\\"":"\\\\","\\\\":"\\"","x:y" : "a\\":"}\n',
    '"text"',
    '-0',
    '{"\\ud83d\\ude42":"\\ud83d\\ude42"}',
  ]) {
    t.same(parseStrictJson(text), JSON.parse(text), text);
  }
  t.end();
});

t.test('when a name is twice in one object, at any depth, then it is refused', (t) => {
  for (const text of [
    '{"a":1,"a":1}',
    '{"a":1,"b":{},"\\u0061":2}',
    '[[{"x":{"":1,"":1}}]]',
    '{"x":[{"a":1}],"y":{"a":1,"b":[{}],"a":2}}',
    '{"__proto__":1,"__proto__":2}',
    '{"a"\n\t :1,"a":1}',
  ]) {
    t.throws(() => parseStrictJson(text), { message: /twice/ }, text);
  }
  t.end();
});

t.test('when a text is no JSON or holds half a character, then it is refused', (t) => {
  for (const text of ['', '{', '{"a":1}}', "{'a':1}", '{"a":"\\ud800"}', '{"\\udc00x":1}']) {
    t.throws(() => parseStrictJson(text), Error, text);
  }
  t.end();
});

t.test('when numbers are told, then each as it is spelled, with its path', (t) => {
  const seen: [string, string][] = [];
  parseStrictJson('{"a":{"b":[1.0,-0,{"c":1E+2}],"d":"7"},"e":12}', (spelling, path) => {
    seen.push([spelling, path.join('.')]);
  });
  t.same(seen, [
    ['1.0', 'a.b.'],
    ['-0', 'a.b.'],
    ['1E+2', 'a.b..c'],
    ['12', 'e'],
  ]);
  const stop = new Error('stop');
  t.throws(
    () =>
      parseStrictJson('[1]', () => {
        throw stop;
      }),
    stop,
  );
  t.end();
});
