import t from 'tap';
import { chart, draw, frames, ink } from '../../lib/report/chart.js';
import { axis, grid, inkOn, legend, shade } from '../../lib/report/chart_style.js';

t.test(
  'when a chart is drawn, then it scales and takes the colour of the page’s text',
  async (t) => {
    const frame = frames.wide;
    const svg = draw(
      {
        height: 200,
        options: {
          grid: grid({ top: 8, right: 8, bottom: 8 }),
          xAxis: { type: 'category', data: ['<a>', 'b'], ...axis(frame) },
          yAxis: { type: 'value', ...axis(frame) },
          series: [{ type: 'bar', data: [1, 2], label: { show: true, color: ink } }],
        },
      },
      frame,
    );
    t.match(svg, /^<svg [^>]*viewBox="0 0 860 200"/);
    t.match(svg, 'fill="currentColor"');
    t.match(svg, '&lt;a&gt;');
    t.notMatch(svg, ink);
  },
);

t.test(
  'when a chart is drawn, then for a desk and for a phone, each in its own width',
  async (t) => {
    const asked: boolean[] = [];
    const data = { head: ['a'], rows: [] };
    const block = chart({ title: 'T', summary: 'S', data }, ({ narrow }) => {
      asked.push(narrow);
      return { height: narrow ? 90 : 100, options: {} };
    });
    t.strictSame(asked, [false, true]);
    t.match(block, { kind: 'chart', title: 'T', summary: 'S', data });
    if (block.kind !== 'chart') return;
    t.match(block.wide, 'viewBox="0 0 860 100"');
    t.match(block.narrow, 'viewBox="0 0 328 90"');
  },
);

t.test('when a colour is shaded, then its ends are the scale’s and its ink is read', async (t) => {
  t.equal(shade(0), '#e2ecf5');
  t.equal(shade(0.5), '#7fb0d8');
  t.equal(shade(1), '#184e77');
  t.equal(shade(7), shade(1));
  t.equal(inkOn('#ffffff'), '#000000');
  t.equal(inkOn('#000000'), '#ffffff');
  // #757575 is where black and white meet: 4.6 against white, 4.5 against black.
  t.equal(inkOn('#757575'), '#ffffff');
  t.equal(inkOn('#777777'), '#000000');
});

t.test('when names do not fit beside each other, then the axes begin a row lower', async (t) => {
  const names = ['recovery on pretraining text', 'recovery on instructions'];
  const [wide, narrow] = [legend(names, frames.wide).top, legend(names, frames.narrow).top];
  t.equal(wide, legend(['a'], frames.wide).top);
  t.equal(narrow - legend(['a'], frames.narrow).top, 22);
});
