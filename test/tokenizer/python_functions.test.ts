import { Template } from '@huggingface/jinja';
import t from 'tap';
import { callByName, pythonFunctions } from '../../lib/tokenizer/python_functions.js';

const functions = pythonFunctions({
  raise_exception(message) {
    throw new Error(`raised ${String(message)}`);
  },
  strftime_now: (format) => `now as ${String(format)}`,
});
const render = (template: string, x: string) =>
  callByName(new Template(template)).render({ ...functions, x });

t.test('when characters are given to strip, then only they go, as in Python', (t) => {
  t.equal(render("{{ x.strip('\\n') }}", '\n  a \n\n'), '  a ');
  t.equal(render("{{ x.lstrip('ab') }}", 'abcab'), 'cab');
  t.equal(render("{{ x.rstrip('ab') }}", 'abcab'), 'abc');
  t.equal(render("{{ x.strip('a').strip('b') }}", 'abcba'), 'c');
  t.equal(render("{{ x.strip('a') }}", 'aaa'), '');
  t.equal(render("{{ (x.split('|')[1].strip('-') + '!').strip('!') }}", '|-y-'), 'y');
  t.equal(render('{{ x.strip(none) }}', ' a '), 'a');
  t.end();
});

t.test(
  'when no characters are given, or the key is only called strip, then nothing changes',
  (t) => {
    t.equal(render('{{ x.strip() }}', '\n a '), 'a');
    t.equal(render("{% set o = {'strip': 1} %}{{ o['strip'] }}", ''), '1');
    t.end();
  },
);

t.test(
  'when a template raises an error or asks for the date, then our functions are called',
  (t) => {
    t.equal(render("{{ strftime_now('%Y') if strftime_now is defined else '' }}", ''), 'now as %Y');
    t.throws(() => render("{{ raise_exception('no') }}", ''), { message: 'raised no' });
    t.end();
  },
);
