// Every suite of the benchmark, in the order of a run; a new one is a line here.
import type { Suite } from '../suite.js';
import { boundary } from './boundary.js';
import { cli } from './cli.js';
import { cut } from './cut.js';
import { decodeSuite } from './decode.js';
import { evaluationSuite } from './evaluation.js';
import { forward } from './forward.js';
import { groupStatisticsSuite } from './group_statistics.js';
import { growthSuite } from './growth.js';
import { halfSpaceProjectionSuite } from './half_space_projection.js';
import { knowledgeSuite } from './knowledge.js';
import { lhspgSuite } from './lhspg.js';
import { load } from './load.js';
import { loraProcess } from './lora_process.js';
import { loraStepSuite } from './lora_step.js';
import { mmap } from './mmap.js';
import { operatorsSuite } from './operators.js';
import { quickstart } from './quickstart.js';
import { recoverySuite } from './recovery.js';
import { service } from './service.js';
import { trace } from './trace.js';

export const suites: readonly Suite[] = [
  boundary,
  operatorsSuite,
  halfSpaceProjectionSuite,
  groupStatisticsSuite,
  trace,
  forward,
  growthSuite,
  decodeSuite,
  knowledgeSuite,
  lhspgSuite,
  loraStepSuite,
  loraProcess,
  recoverySuite,
  evaluationSuite,
  load,
  cut,
  mmap,
  cli,
  service,
  quickstart,
];
