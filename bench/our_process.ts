// Our side of a comparison, a process of its own with its own threads: node our_process.js SUITE DEVICE
import { guarded } from '../lib/native/native_error.js';
import { answerLines } from './answer_lines.js';
import { writeProfile } from './profile_case.js';
import { bandwidths, rates } from './rates.js';
import type { Subject, SuiteOptions } from './suite.js';
import { suites } from './suites/index.js';

const [suiteName, device] = process.argv.slice(2) as [string, SuiteOptions['device']];
const suite = suites.find(({ name }) => name === suiteName);
let subject: Subject | undefined;
let caseName = '';

const prepared = (): Subject => {
  if (!subject) throw new Error('nothing is prepared');
  return subject;
};

await answerLines((request) => {
  switch (request.do) {
    case 'facts':
      return { node: process.version, ...guarded('versions', (b) => b.versions()) };
    case 'rates':
      return rates(device);
    case 'bandwidth':
      return bandwidths(device, request.footprint);
    case 'prepare':
      caseName = request.case;
      subject = suite
        ?.cases({ device })
        .find(({ name }) => name === request.case)
        ?.prepare(request.parameters);
      return;
    case 'check':
      return prepared().check?.() ?? {};
    case 'measure':
      return prepared().measure(request);
    case 'profile':
      return writeProfile(request.file, `${suiteName}, ${caseName}`, device, prepared());
    case 'drop':
      subject?.dispose?.();
      subject = undefined;
      return;
  }
});
