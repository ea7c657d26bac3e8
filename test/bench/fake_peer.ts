import { writeFileSync } from 'node:fs';
import { answerLines } from '../../bench/answer_lines.js';

// A peer without Python: argv says how it behaves; every call "takes" the seconds in argv[3].
const [behaviour = 'good', seconds = '0.5'] = process.argv.slice(2);

if (behaviour === 'dies') {
  process.stderr.write('ModuleNotFoundError: no torch\n');
  process.exit(3);
}
if (behaviour === 'garbage') process.stdout.write('warning: not JSON\n');

let prepared = '';
let measured = 0;
await answerLines((request) => {
  switch (request.do) {
    case 'facts':
      return { python: '3.11', threads: Number(process.env['OMP_NUM_THREADS']) };
    case 'rates':
      return { copy: 8, inPlace: 4, read: 2, gemmFloat32: 1, gemmBfloat16: 1 };
    case 'bandwidth':
      return { copy: 8, inPlace: 4 };
    case 'prepare':
      prepared = `${request.case} ${JSON.stringify(request.parameters)}`;
      return;
    case 'check':
      if (measured > 0) throw new Error('checked after a measured call had changed the inputs');
      return { [prepared]: behaviour === 'wrong' ? [2] : [1] };
    case 'measure':
      if (prepared === '') throw new RangeError(`nothing prepared for ${request.form}`);
      measured++;
      return { values: [9, Number(seconds), 0], also: { calls: measured } };
    case 'profile':
      writeFileSync(request.file, prepared);
      return measured;
    case 'drop':
      prepared = '';
      measured = 0;
      return;
  }
});
