import t from 'tap';
import { proof } from '../../../lib/report/sections/proof.js';
import { only, sampleRecord, tables } from '../sample_record.js';

t.test('when both checks were made, then each has its numbers and verdict', (t) => {
  const section = proof(sampleRecord(t));
  const [table] = tables(section);
  t.equal(section?.blocks.length, 1);
  t.strictSame(
    table?.rows.map((row) => row.slice(1)),
    [
      ['4.1e-6', '14.2', '0.00142', 'equal'],
      ['3.1e-6', '14.2', '0.00142', 'equal'],
      ['0', '14.2', '0.00142', 'equal'],
    ],
  );
  t.match(table?.rows[0]?.[0], /worst of the periods/);
  t.match(table?.rows[1]?.[0], /cut model/);
  t.match(table?.rows[2]?.[0], /loaded again/);
  t.end();
});

t.test('when a difference is beyond what is allowed, or is no number, then it is told', (t) => {
  for (const [difference, verdict] of [
    [1.42e-3, 'equal'],
    [1.4201e-3, 'NOT EQUAL'],
    [NaN, 'NOT EQUAL'],
    [Infinity, 'NOT EQUAL'],
  ] as const) {
    const record = sampleRecord(t, (values) => {
      values.compress!.equality.maxAbsDifference = difference;
    });
    const [table] = tables(proof(record));
    t.strictSame(
      table?.rows.map((row) => row.at(-1)),
      ['equal', verdict, 'equal'],
    );
  }
  t.end();
});

t.test('when a check was not made, then it has no row, and none is no section', (t) => {
  const record = sampleRecord(t);
  t.equal(tables(proof(only(record, 'compress')))[0]?.rows.length, 1);
  t.equal(tables(proof(only(record, 'export')))[0]?.rows.length, 1);
  t.equal(proof(only(record, 'knowledge')), undefined);
  const unchecked = sampleRecord(t, (values) => {
    delete values.export!.equality;
  });
  t.equal(proof(only(unchecked, 'export')), undefined);
  t.end();
});
