// Every suite of the benchmark, by name; a new one is a line here.
import type { Suite } from '../suite.js';
import { halfSpaceProjectionSuite } from './half_space_projection.js';

export const suites: readonly Suite[] = [halfSpaceProjectionSuite];
