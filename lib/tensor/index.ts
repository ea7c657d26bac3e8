// `lorashear-native/tensor`: libtorch's operators, tensors and autograd for programs (docs/memory.md).
export { backward, backwardFrom, clearGrads, enableGrad, grad, noGrad } from './autograd.js';
export { Checkpoints } from './checkpointing.js';
export { chromeTrace } from './chrome_trace.js';
export { type DeviceGraph, recordGraph } from './device_graph.js';
export { type DType, dtypeBytes, dtypeCode, dtypes } from './dtype.js';
export { fromTypedArray } from './from_typed_array.js';
export type { HostArray } from './host_array.js';
export {
  type DeviceMemory,
  type MemoryStatistics,
  memoryStatistics,
  resetPeakMemory,
} from './memory.js';
export { type Argument, type Result, op, opMany, opValue, opVoid, verifyOperators } from './op.js';
export * as ops from './ops.js';
export { floatTensorOn, longTensorOn } from './placed.js';
export { type Profile, type ProfiledCall, type ProfileOptions, profile } from './profile.js';
export { type RandomStream, defaultStream, randomStream } from './random.js';
export { keep, scoped, tensorBytes, tensorCount } from './scope.js';
export { floatTensor, longTensor, Tensor, tensorFrom } from './tensor.js';
