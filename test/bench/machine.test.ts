import t from 'tap';
import { hardware } from '../../bench/machine.js';

t.test('when the machine is asked, then processor, caches, memory and commit are known', (t) => {
  const { cpu, cores, caches, memoryBytes, system, version, commit } = hardware();
  t.not(cpu, '');
  t.ok(cores >= 1);
  t.ok(Array.isArray(caches));
  t.ok(memoryBytes > 2 ** 28);
  t.match(system, /^Linux /);
  t.match(version, /^\d+\.\d+\.\d+/);
  t.match(commit, /^([0-9a-f]{7,}\+?|unknown)$/);
  t.end();
});
