import { readFileSync } from 'node:fs';
import t from 'tap';
import { strftime } from '../../lib/tokenizer/strftime.js';

const { now, dates } = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/tokenizer/chat.json', import.meta.url), 'utf8'),
) as { now: string; dates: Record<string, string> };

t.test('when a date is written, then as Python writes it', (t) => {
  for (const [format, text] of Object.entries(dates))
    t.equal(strftime(new Date(now), format), text);
  t.end();
});

t.test('when a directive is unknown, then it stays', (t) => {
  t.equal(strftime(new Date(now), '%Q %-q %'), '%Q %-q %');
  t.equal(strftime(new Date('2026-12-31T00:30:00'), '%j %I %p'), '365 12 AM');
  t.end();
});
