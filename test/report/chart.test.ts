import t from 'tap';
import { axisStyle, draw, grid, ink } from '../../lib/report/chart.js';

t.test(
  'when a chart is drawn, then it scales and takes the colour of the page’s text',
  async (t) => {
    const svg = draw(
      {
        grid: grid({ top: 8, right: 8, bottom: 8 }),
        xAxis: { type: 'category', data: ['<a>', 'b'], ...axisStyle },
        yAxis: { type: 'value', ...axisStyle },
        series: [{ type: 'bar', data: [1, 2], label: { show: true, color: ink } }],
      },
      200,
    );
    t.match(svg, /^<svg [^>]*viewBox="0 0 860 200"/);
    t.match(svg, 'fill="currentColor"');
    t.match(svg, '&lt;a&gt;');
    t.notMatch(svg, ink);
  },
);
