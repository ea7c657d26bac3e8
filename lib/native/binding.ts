// The whole native surface as one type: nothing else describes the addon, nothing but load.ts loads it.

/** Number that names a live tensor in the addon's table: generation · 2³² + slot. */
export type Handle = number & { readonly __handle: never };
/** Number that names a seeded generator. */
export type GeneratorId = number & { readonly __generator: never };
/** Number that names a mapped file. */
export type MappingId = number & { readonly __mapping: never };

/** Number that names the recorded work of a device. */
export type GraphId = number & { readonly __graph: never };

/** What crosses as an argument: handles, numbers, booleans, strings, arrays of them, null. */
export type NativeArgument =
  | number
  | bigint
  | boolean
  | string
  | null
  | undefined
  | Int32Array
  | Float64Array
  | readonly (number | boolean | string | null)[];

/** What comes back: handles, values, arrays of them for tuples and lists; whole numbers beyond 2⁵³ as BigInt. */
export type NativeResult = number | bigint | boolean | string | null | undefined | NativeResult[];

/** One declaration's fate: an id to call it by, or why this libtorch has no such operator. */
export interface Resolution {
  id?: number;
  error?: string;
}

/** Memory of an accelerator, in bytes. */
export interface DeviceMemory {
  /** Given to live tensors by libtorch's caching allocator, and the most that it ever was. */
  allocated: number;
  peakAllocated: number;
  /** Taken from the driver by that allocator: what is allocated and what it keeps for reuse. */
  reserved: number;
  peakReserved: number;
  /** As the driver counts, with every process. */
  free: number;
  total: number;
}

/**
 * A call inside libtorch: name, start and end (ns, of the clock of `process.hrtime`), autograd's sequence number (−1:
 * none), thread, whether it is a step of backward. A step has the number of the operator that it is the backward of.
 */
export type NativeCall = [
  name: string,
  start: number,
  end: number,
  sequence: number,
  thread: number,
  backward: boolean,
];

export interface Binding {
  resolve(schemas: readonly string[]): Resolution[];
  operators(): string[];
  call(id: number, ...args: readonly NativeArgument[]): NativeResult;

  free(handles: Handle | Float64Array | readonly Handle[], count?: number): void;
  isAlive(handle: Handle): boolean;
  alias(handle: Handle): Handle;
  count(): number;
  bytes(): number;
  shape(handle: Handle): number[];
  dtype(handle: Handle): number;
  device(handle: Handle): string;
  item(handle: Handle): number;

  backward(outputs: readonly Handle[], gradients: readonly Handle[] | null, retain: boolean): void;
  grad(
    outputs: readonly Handle[],
    inputs: readonly Handle[],
    gradients: readonly Handle[] | null,
    retain: boolean,
  ): (Handle | null)[];
  gradOf(handle: Handle): Handle | null;
  clearGrads(handles: readonly Handle[]): void;
  isLeaf(handle: Handle): boolean;
  requiresGrad(handle: Handle): boolean;
  setRequiresGrad(handle: Handle, on: boolean): void;
  gradMode(): boolean;
  /** This and the next give what it was. */
  setGradMode(on: boolean): boolean;
  setRemaking(on: boolean): boolean;

  versions(): {
    libtorch: string;
    capability: string;
    threads: number;
    cudaDevices: number;
    /** Whether the addon was built with our CUDA kernels. */
    cudaKernels: boolean;
  };
  setThreads(threads: number): void;
  setDeterministic(on: boolean): void;
  deviceMemory(device: string): DeviceMemory | null;
  resetPeakDeviceMemory(device: string): boolean;

  /** What this thread asks of the device from now on is recorded and not done; null: the device has no graphs. */
  recordGraph(device: string): GraphId | null;
  endGraph(graph: GraphId): void;
  replayGraph(graph: GraphId): void;
  /** Also while it records. */
  dropGraph(graph: GraphId): void;

  /** Records up to `limit` calls inside libtorch, of all threads; returns the number of this one. */
  startProfile(limit: number): number;
  stopProfile(): NativeCall[];

  generator(seed: number, device: string): GeneratorId;
  defaultGenerator(device: string): GeneratorId;
  generatorState(generator: GeneratorId): Handle;
  setGeneratorState(generator: GeneratorId, state: Handle): void;

  mapFile(path: string): { id: MappingId; size: number };
  unmapFile(mapping: MappingId): void;
  mapBytes(mapping: MappingId, offset: number, length: number): Buffer;
  mapTensor(mapping: MappingId, offset: number, dtype: number, shape: readonly number[]): Handle;

  fromBytes(view: ArrayBufferView, dtype: number, shape: readonly number[]): Handle;
  toBytes(handle: Handle): ArrayBuffer;
  writeTensor(fd: number, position: number, handle: Handle): number;

  /** Runs are pairs [first, count, …]; null: all columns. Returns the bytes that it filled. */
  readSlice(
    fd: number,
    position: number,
    elementBytes: number,
    width: number,
    rows: Float64Array,
    columns: Float64Array | null,
    into: Uint8Array,
  ): number;
  pageBuffer(length: number): Buffer;
}
