import t from 'tap';
import { parseJob } from '../../lib/config/parse_job.js';
import { createContext } from '../../lib/context.js';
import { readExamples } from '../../lib/pipeline/restore.js';
import { loadTokenizer } from '../../lib/tokenizer/tokenizer.js';
import { denseModel } from '../fixtures/pages.js';

const tokenizer = loadTokenizer(denseModel);

t.test(
  'when instructions have another schema, then the fields that they have are told',
  async (t) => {
    const chat = [{ role: 'user', content: 'Hi' }];
    const dir = t.testdir({
      'conversations.json': JSON.stringify([{ conversations: [{ from: 'human', value: 'Hi' }] }]),
      'messages.jsonl': `${JSON.stringify({ messages: chat })}\n`,
      'prompts.json': JSON.stringify([{ prompt: 'Hi', completion: 'Ho' }]),
      'half.json': JSON.stringify([{ instruction: 'Hi' }]),
      'number.json': JSON.stringify([{ instruction: 'Add', output: 2 }]),
      'list.json': JSON.stringify(['Hi']),
      'object.json': '{\n"instruction": "Hi",\n"output": "Ho"\n}',
      'empty.json': '[]',
      'text.txt': 'Hi',
    });
    const cases: [string, string, RegExp][] = [
      [
        'conversations.json',
        'DATA_INVALID',
        /entry 0, is not in Alpaca's format; it has conversations: object/,
      ],
      [
        'messages.jsonl',
        'DATA_INVALID',
        /line 1, is not in Alpaca's format; it has messages: object/,
      ],
      ['prompts.json', 'DATA_INVALID', /it has prompt: string, completion: string/],
      ['half.json', 'DATA_INVALID', /it has instruction: string$/],
      ['number.json', 'DATA_INVALID', /instruction: string, output: number/],
      ['list.json', 'DATA_INVALID', /it has no fields/],
      ['object.json', 'DATA_INVALID', /no JSON array of entries/],
      ['empty.json', 'DATA_EMPTY', /no instruction/],
      ['text.txt', 'DATA_INVALID', /lines 1-1, is not in Alpaca's format/],
      ['missing.json', 'DATA_NOT_FOUND', /there is no file or folder/],
      ['no-such/alpaca', 'DATA_NOT_FOUND', /no-such\/alpaca.*hub cache/],
    ];
    for (const [instruct, code, message] of cases) {
      const job = parseJob({ model: denseModel, sources: { s: 's' }, instruct }, { cwd: dir });
      const reading = readExamples(job, job.instruct!, tokenizer, createContext());
      const error: unknown = await reading.catch((thrown: unknown) => thrown);
      t.match(error, { code, message, hint: /\w/ }, instruct);
    }
  },
);
