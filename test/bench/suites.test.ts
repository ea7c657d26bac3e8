import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { peersFolder } from '../../bench/peer_environment.js';
import { suites } from '../../bench/suites/index.js';

for (const suite of suites) {
  t.test(`when ${suite.name} lists its cases, then each is named once and has its peers`, (t) => {
    for (const device of ['cpu', 'cuda'] as const) {
      const cases = suite.cases({ device });
      t.ok(cases.length > 0);
      t.equal(new Set(cases.map(({ name }) => name)).size, cases.length);
      for (const { peers, targets, parameters, memory } of cases) {
        const script = join(peersFolder, 'suites', `${suite.name}.py`);
        t.ok(peers.length === 0 || existsSync(script));
        for (const peer of peers) t.match(readFileSync(script, 'utf8'), `"${peer}"`);
        for (const target of targets) {
          if (target.of === 'ratio' || target.of === 'speed') t.ok(peers.includes(target.peer));
          if (target.of === 'roofline') t.ok((memory?.moved ?? 0) > 0);
        }
        t.same(JSON.parse(JSON.stringify(parameters)), parameters, 'plain JSON');
      }
    }
    t.end();
  });
}

t.test(
  'when the figures of a whole run are listed, then those of the issue are among them',
  (t) => {
    const texts = suites.flatMap((suite) =>
      suite
        .cases({ device: 'cpu' })
        .flatMap(({ name, targets }) =>
          targets.map(({ text }) => `${suite.name}, ${name}: ${text}`),
        ),
    );
    for (const figure of [
      'boundary, add of one element, no grad: ≤ 0.6 × torch',
      'boundary, linear 16×64×64, grad: ≤ 0.9 × torch',
      'half_space_projection, default model float32: ≥ 180 × faster than loop',
      'half_space_projection, default model bfloat16: ≥ 10 × faster than vec',
      'group_statistics, 11008×4096 rows float32: ≤ 1.5 × bytes / copy bandwidth',
      'trace, LLaMA-7B, 32 layers: ≤ 0.02 × torch_pruning',
      'forward, default model, 4×256, float32: ≤ 0.6 × transformers',
      'forward, default model, 4×256, bfloat16: ≤ 0.9 × transformers',
      'decode, default model, 32 + 128 tokens, bfloat16: ≥ 1.5 × faster than generate',
      'evaluation, default model, 400 items of 4 choices, float32: ≥ 6 × faster than lm_eval',
      'evaluation, default model, 400 items of 4 choices, bfloat16: ≥ 3.5 × faster than lm_eval',
      'growth, LoRA step, sequence length doubled, float32: ≤ 1 × eager',
      'lhspg, half of the groups gone, float32: ≥ 2 × faster than eager',
      'lhspg, half of the groups gone, bfloat16: ≥ 2 × faster than eager',
      'lora_process, start to first step, default model, float32: ≤ 0.2 × compiled',
      'lora_process, largest memory, default model, bfloat16: ≤ 0.6 × eager',
      'recovery, 128 instructions, 16 a step, default model, bfloat16: ≥ 2 × faster than padded',
      'load, 1.3 B parameters in bfloat16, 8 tokens: ≤ 0.5 × transformers',
      'mmap, open a file of 2 GiB: < 50 ms',
      'cli, --help: < 150 ms',
      'cli, packed package: < 1 MiB',
    ]) {
      t.ok(texts.includes(figure), figure);
    }
    t.end();
  },
);
