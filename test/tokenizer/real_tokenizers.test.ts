// Published tokenizers on hard texts; the ids are the Python library's (scripts/fixtures/real_tokenizers.py).
import t from 'tap';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';
import {
  type RealName,
  absent,
  published,
  realTokenizer,
  recorded,
} from '../fixtures/real_tokenizers.js';

for (const [name, { prefix, ids, decoded }] of Object.entries(recorded.tokenizers)) {
  t.test(
    `when hard texts go through the tokenizer of ${name}, then the ids are those of Python`,
    { skip: absent },
    (t) => {
      const tokenizer = loadTokenizer(realTokenizer(name as RealName, t.testdir({})));
      t.equal(ids.length, recorded.texts.length);
      recorded.texts.forEach((text, i) => {
        const label = JSON.stringify(text.slice(0, 30));
        const plain = tokenizer.encode(text, { addSpecialTokens: false });
        t.strictSame(plain, ids[i], `plain ids of ${label}`);
        t.strictSame(tokenizer.encode(text), [...prefix, ...ids[i]!], `ids of ${label}`);
        t.equal(tokenizer.decode([...prefix, ...ids[i]!]), decoded[i] ?? text, `text of ${label}`);
      });
      t.end();
    },
  );
}

for (const [name, repository] of [
  ['gpt2', 'distilgpt2'],
  ['llama2', 'coreml-projects/Llama-2-7b-chat-coreml'],
] as const) {
  t.test(`when ${repository} publishes ids, then they are met`, { skip: absent }, (t) => {
    const tokenizer = loadTokenizer(realTokenizer(name, t.testdir({})));
    const cases = published(repository);
    t.ok(cases.length > 10);
    for (const { text, ids } of cases) t.strictSame(tokenizer.encode(text), ids, text);
    t.end();
  });
}
