import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SafetensorsFile } from '../../lib/checkpoint/safetensors.js';
import { LoraShearError } from '../../lib/errors.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { mutatedFile, seeded, validFile } from '../fixtures/mutated_safetensors.js';

/** Reads everything; what comes must be the file's own bytes, each exactly once. */
function readAll(path: string, bytes: Buffer): void {
  using file = new SafetensorsFile(path);
  let position = 8 + Number(bytes.readBigUInt64LE());
  for (const { name, start, end } of file.entries.values()) {
    if (start !== position) throw new Error(`${name} starts at ${start}, not ${position}`);
    position = end;
    using tensor = file.tensor(name);
    const same = Buffer.from(tensor.toBytes()).equals(bytes.subarray(start, end));
    if (!same) throw new Error(`${name} holds other bytes`);
  }
  if (position !== bytes.length) throw new Error(`${bytes.length - position} bytes are left`);
}

const refusals = ['SAFETENSORS_INVALID', 'CHECKPOINT_UNSUPPORTED'];

t.test('when files keep the rules, then every byte of every tensor is read', (t) => {
  const path = join(t.testdir({}), 'x.safetensors');
  const before = tensorCount();
  const random = seeded(1);
  for (let i = 0; i < 300; i++) {
    const bytes = validFile(random);
    writeFileSync(path, bytes);
    try {
      readAll(path, bytes);
    } catch (thrown) {
      t.fail(`file ${i}: ${String(thrown)}`, { header: bytes.toString('latin1') });
    }
  }
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when files are damaged at random, then they are read right or refused, no third', (t) => {
  const path = join(t.testdir({}), 'x.safetensors');
  const before = tensorCount();
  const random = seeded(2);
  const seen = new Map<string, number>();
  for (let i = 0; i < 3000; i++) {
    const bytes = mutatedFile(random);
    writeFileSync(path, bytes);
    let outcome = 'read';
    try {
      readAll(path, bytes);
    } catch (thrown) {
      const ours = thrown instanceof LoraShearError && refusals.includes(thrown.code);
      if (!ours) t.fail(`file ${i}: ${String(thrown)}`, { header: bytes.toString('latin1') });
      const rule = ours ? thrown.facts['rule'] : undefined;
      outcome = typeof rule === 'string' ? rule : 'no type of libtorch';
    }
    seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
  }
  t.comment(JSON.stringify([...seen]));
  t.ok((seen.get('read') ?? 0) > 500, 'the damage leaves some whole');
  t.ok(seen.size > 9, 'and breaks most rules');
  t.equal(tensorCount(), before);
  t.end();
});
