// Training steps in a program of its own, which prints its largest memory in MiB: node first_steps.js DTYPE DEVICE STEPS
import { type TrainingDType, defaultTraining, loraTraining } from './lora_training.js';

const [dtype, device, steps] = process.argv.slice(2) as [TrainingDType, string, string];
const training = loraTraining(defaultTraining, dtype, device);
for (let step = 0; step < Number(steps); step++) training.step();
process.stdout.write(String(process.resourceUsage().maxRSS / 1024));
