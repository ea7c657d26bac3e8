import { join } from 'node:path';
import t from 'tap';
import { newResultFile, resultsFolder } from '../../bench/results_folder.js';
import { exampleResult } from './example_result.js';

t.test('when there is no clone, then results go below the working folder', (t) => {
  const dir = t.testdir({ clone: {} });
  t.equal(resultsFolder(join(dir, 'clone'), dir), join(dir, 'clone'));
  t.equal(resultsFolder(join(dir, 'none'), dir), join(dir, 'bench-results'));
  t.match(resultsFolder(), /bench\/results\/$/, 'this is a clone');
  t.end();
});

t.test('when results are named, then by their time and their suite or suites', (t) => {
  const name = /^\/r\/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-/;
  const one = newResultFile([exampleResult(), exampleResult()], '/r');
  t.match(one, name);
  t.ok(one.endsWith('-boundary.jsonl'));
  const two = newResultFile([exampleResult(), exampleResult({ suite: 'cli' })], '/r');
  t.ok(two.endsWith('-2-suites.jsonl'));
  t.end();
});
