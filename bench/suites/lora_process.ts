// A program that trains: from its start to the end of the first step, and its largest memory; beside the peer's program.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type TrainingDType, defaultTraining, trainingParameters } from '../lora_training.js';
import { type Case, type Measurement, type Suite, type Target, ratioTo } from '../suite.js';

const script = fileURLToPath(new URL('../first_steps.js', import.meta.url));
/** Of the case of memory: allocators have then what they keep. */
const severalSteps = 4;

/** Seconds from start to end, and the largest memory in MiB, of a new process. */
function program(
  dtype: TrainingDType,
  device: string,
  steps: number,
): { seconds: number; mib: number } {
  const start = process.hrtime.bigint();
  const args = [script, dtype, device, String(steps)];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return { seconds: Number(process.hrtime.bigint() - start) / 1e9, mib: Number(stdout) };
}

interface Asked {
  readonly what: string;
  readonly unit: 's' | 'MiB';
  readonly steps: number;
  readonly targets: readonly Target[];
}

function processCase(
  { what, unit, steps, targets }: Asked,
  dtype: TrainingDType,
  device: string,
): Case {
  return {
    name: `${what}, default model, ${dtype}`,
    ...{ unit, peers: ['eager', 'compiled'], targets },
    parameters: { ...trainingParameters(defaultTraining, dtype, device), steps, unit },
    prepare: () => ({
      measure(): Measurement {
        const { seconds, mib } = program(dtype, device, steps);
        return { values: [unit === 's' ? seconds : mib] };
      },
    }),
  };
}

export const loraProcess: Suite = {
  name: 'lora_process',
  what: 'a program that trains: its start to the end of the first step, and its largest memory, beside PEFT',
  quick: false, // compiles the peer in every sample
  threaded: true,
  cases: ({ device }) =>
    (['float32', 'bfloat16'] as const).flatMap((dtype) => [
      processCase(
        {
          ...{ what: 'start to first step', unit: 's', steps: 1 },
          targets: [ratioTo('compiled', 0.2)],
        },
        dtype,
        device,
      ),
      processCase(
        {
          ...{ what: 'largest memory', unit: 'MiB', steps: severalSteps },
          targets: [ratioTo('eager', 0.6)],
        },
        dtype,
        device,
      ),
    ]),
};
