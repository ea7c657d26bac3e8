import t from 'tap';
import { describePartition } from '../../lib/groups/describe.js';
import { partition } from '../../lib/groups/partition.js';
import { symbolicLlama } from './symbolic_llama.js';

t.test('when layers are alike, then they share a line; units, costs and reasons are shown', (t) => {
  const text = describePartition(partition(symbolicLlama({ layers: 3, bias: true })));
  const lines = text.split('\n');
  t.equal(lines[0], '6,332 parameters');
  t.equal(lines.filter((line) => line.includes('self_attn.heads  0–2')).length, 1);
  t.match(text, /layers\.\*\.mlp\.channels +0–2 +10 +50 +23\.7 %/);
  t.match(text, /model\.layers\.0\.self_attn\.q_proj: 12 of 24 rows\n/);
  t.match(text, /model\.layers\.0\.self_attn\.v_proj\.lora_B: 6 of 12 rows \(LoRA B, carrier\)/);
  t.match(text, /o_proj: 12 of 24 columns/);
  t.match(text, /vocabulary +32 +touches the output logits/);
  t.match(text, /q_proj\.lora_rank +0–2 +8 +rank dimension of LoRA/);
  t.ok(lines.every((line) => line === line.trimEnd()));
  t.end();
});

t.test('when layers differ, then they have lines of their own', (t) => {
  const found = partition(symbolicLlama({ layers: 4, rank: 0 }));
  const groups = found.groups.map((group) =>
    group.id === 'layers.1.mlp.channels' ? { ...group, units: 9 } : group,
  );
  const text = describePartition({ ...found, groups });
  t.match(text, /layers\.\*\.mlp\.channels +0, 2–3 +10/);
  t.match(text, /layers\.\*\.mlp\.channels +1 +9/);
  t.end();
});

t.test('when nothing may be cut, then only reasons are listed', (t) => {
  const text = describePartition(partition(symbolicLlama(), { kinds: [] }));
  t.notMatch(text, /removable/);
  t.match(text, /not among the kinds to be cut/);
  t.end();
});
