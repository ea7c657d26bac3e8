// Writes docs/errors.md from the codes in lib/errors.ts: `node dist/scripts/docs_errors.js`.
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { type ErrorCode, errorCodes } from '../lib/errors.js';

/** What has happened when a code is met. */
const meanings: Readonly<Record<ErrorCode, string>> = {
  NATIVE_NOT_BUILT: 'The native addon is not built for this version, libtorch and Node.',
  NATIVE_LOAD_FAILED: 'The addon is there and does not load.',
  NATIVE_SCHEMA_MISMATCH:
    'This libtorch declares an operator otherwise than the code that calls it.',
  LIBTORCH_NOT_FOUND: 'There is no libtorch, and none can be fetched for this machine.',
  LIBTORCH_INVALID: 'A folder was named as libtorch and is none, or one that is too old.',
  LIBTORCH_HASH_MISMATCH: 'A downloaded file is not the pinned one.',
  SETUP_NO_PYTHON: 'libtorch is to be fetched with pip, and there is no Python with pip.',
  SETUP_NO_COMPILER: 'A C++ compiler, CMake or a build tool is missing.',
  SETUP_DOWNLOAD_FAILED: 'A download failed: the network, or what pip was told to use.',
  SETUP_BUILD_FAILED: 'The compiler refused the addon; the message names its log.',
  SETUP_CACHE_FAILED: 'The user cache cannot be written: a full disk, or permissions.',
  TENSOR_DISPOSED: 'A tensor was used after its end. A defect.',
  TENSOR_OP_FAILED: 'libtorch refused an operation; the message has its shapes and the module.',
  TENSOR_SCOPE: 'Tensors of one scope were used or kept where they must not be. A defect.',
  OUT_OF_MEMORY: 'Memory of the device or of JavaScript is full.',
  DEVICE_FAILED: 'The device is not there, or failed.',
  NATIVE_FAILURE: 'The addon failed in a way that has no code of its own.',
  CONFIG_INVALID: 'A job, flag or option is wrong; every problem is listed with its key.',
  CONTEXT_EXCEEDED: 'More tokens than the positions of the model reach.',
  CHECKPOINT_NOT_FOUND: 'A folder is no model folder, or a file of it is missing.',
  CHECKPOINT_INVALID: 'config.json or the weights contradict themselves or each other.',
  CHECKPOINT_UNSUPPORTED: 'A model of a kind, format or precision that is not read.',
  TENSOR_MISSING: 'The weights lack tensors that the configuration asks for.',
  TENSOR_MISSHAPEN: 'A tensor has another shape than the configuration says.',
  SAFETENSORS_INVALID: 'A safetensors file is damaged, cut short or hostile.',
  TOKENIZER_INVALID: 'tokenizer.json is missing, damaged, or of another model.',
  ADAPTER_INVALID: 'A folder is no PEFT adapter, or its files contradict each other.',
  ADAPTER_UNSUPPORTED: 'An adapter that does more than LoRA on linears as it is computed here.',
  ADAPTER_MISMATCH: 'An adapter that was made for another base model.',
  CHAT_TEMPLATE_MISSING: 'A chat was given, and the model folder has no template for chats.',
  CHAT_TEMPLATE_FAILED: 'The chat template is no Jinja, or refuses these messages.',
  DATA_NOT_FOUND: 'A file or folder of data is not there or cannot be read.',
  DATA_INVALID: 'Data is not UTF-8, not in its format, or lacks a column.',
  DATA_EMPTY: 'Data holds no text, or less than one window.',
  TASK_UNKNOWN: 'There is no evaluation task of this name.',
  GRAPH_RULE_MISSING: 'The trace met an operator without a dimension rule.',
  GRAPH_INPLACE: 'The traced forward pass changes a tensor in place.',
  GRAPH_INVALID: 'The traced graph contradicts itself. A defect.',
  PARTITION_INVALID: 'The groups do not cover the parameters as they must. A defect.',
  RATIO_UNREACHABLE:
    'No uniform widths remove the asked share; the message names the nearest that can.',
  PRUNE_DIVERGED: 'The loss is no number any more.',
  CUT_NOT_EQUAL: 'The cut or saved model does not compute what the masked one did.',
  EXPORT_FORM:
    'A model does not fit the form of export that was asked for; the message names what differs.',
  BENCH_REGRESSED:
    'A figure of the benchmark is slower than in the file that it was compared with.',
  OUTPUT_OCCUPIED:
    'The output folder holds something else, or the run in it was made from other inputs.',
  OUTPUT_FAILED: 'The disk refused a write.',
  RUN_CORRUPT: 'A run folder holds no run, or a file of it is damaged.',
  RUN_ABORTED: 'The user asked to stop; the state is saved and the hint says how to go on.',
  INTERNAL: 'A defect of lorashear-native.',
};

/** docs/errors.md. */
export async function errorsText(): Promise<string> {
  const rows = (Object.entries(errorCodes) as [ErrorCode, number][]).map(
    ([code, exit]) => `| \`${code}\` | ${exit} | ${meanings[code]} |`,
  );
  return format(
    [
      '# Errors',
      '',
      'Made from `lib/errors.ts` by `scripts/docs_errors.ts`. Every error on purpose is a `LoraShearError` with a',
      '`code`, a message (what was seen), a `hint` (what to do next) and `facts` (plain JSON). The command line ends',
      'with the exit code beside it; `--debug` adds the stack, `--json` prints the error as one object.',
      '',
      '| code | exit | meaning |',
      '| --- | --- | --- |',
      ...rows,
      '',
    ].join('\n'),
    { parser: 'markdown', printWidth: 100 },
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(resolve('docs/errors.md'), await errorsText());
}
