import t from 'tap';
import {
  type DType,
  dtypeBytes,
  dtypeCode,
  dtypeOfCode,
  dtypeOfSafetensors,
  dtypes,
  safetensorsName,
} from '../../lib/tensor/dtype.js';
import { tensorFrom } from '../../lib/tensor/tensor.js';

t.test('when a type is named, then its numbers lead back to it and libtorch agrees', (t) => {
  for (const name of Object.keys(dtypes) as DType[]) {
    t.equal(dtypeOfCode(dtypeCode(name)), name);
    t.equal(dtypeOfSafetensors(safetensorsName(name)), name);
    const x = tensorFrom(new Uint8Array(3 * dtypeBytes(name)), name, [3]);
    t.same([x.dtype, x.toBytes().byteLength], [name, 3 * dtypeBytes(name)]);
    x.dispose();
  }
  t.end();
});

t.test('when a type is not ours, then there is no name', (t) => {
  t.equal(dtypeOfCode(12), undefined, 'qint8');
  t.equal(dtypeOfSafetensors('F6_E3M2'), undefined);
  t.end();
});
