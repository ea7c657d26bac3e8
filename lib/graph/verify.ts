// What must hold of every graph between stages (design §1, principle 18).
import { LoraShearError } from '../errors.js';
import type { GraphData } from './graph.js';

function fail(message: string, facts: Record<string, unknown>): never {
  throw new LoraShearError('GRAPH_INVALID', message, {
    hint: 'trace the model again; a stored graph may have been edited or cut short',
    facts,
  });
}

/**
 * Checks that ids are dense, every value has one producer that runs before its readers, shapes are whole
 * numbers, parameters have unique names, and the outputs exist.
 * @throws GRAPH_INVALID naming the first value or node that breaks a rule
 */
export function verifyGraph({ nodes, values, outputs }: GraphData): void {
  const names = new Set<string>();
  values.forEach((value, id) => {
    if (value.id !== id) fail(`value ${id} calls itself ${value.id}`, { id });
    if (!value.shape.every((extent) => Number.isInteger(extent) && extent >= 0)) {
      fail(`value ${id} has shape (${value.shape.join(', ')})`, { id, shape: value.shape });
    }
    if (value.kind === 'parameter') {
      for (const name of [value.name ?? '', ...(value.aliases ?? [])]) {
        if (name === '') fail(`parameter ${id} has no name`, { id });
        if (names.has(name)) fail(`two parameters are called ${name}`, { name });
        names.add(name);
      }
    }
    const made = value.producer !== null;
    if (made !== (value.kind === 'intermediate')) {
      fail(`value ${id} is ${value.kind} but ${made ? 'a node makes it' : 'nothing makes it'}`, {
        id,
      });
    }
    if (value.producer !== null && !nodes[value.producer]?.outputs.includes(id)) {
      fail(`value ${id} is not among the outputs of node ${value.producer}`, { id });
    }
  });

  const ready = values.map(({ producer }) => producer === null);
  nodes.forEach((node, index) => {
    const where = `node ${index} (${node.op}${node.module === '' ? '' : ` at ${node.module}`})`;
    for (const { name, value } of node.inputs) {
      if (!ready[value]) fail(`${where} reads ${name} before it is made`, { node: index, value });
    }
    for (const output of node.outputs) {
      if (values[output]?.producer !== index) {
        fail(`${where} makes value ${output}, which names another producer`, { node: index });
      }
      ready[output] = true;
    }
  });
  if (outputs.length === 0) fail('the graph has no output', {});
  for (const output of outputs) {
    if (!ready[output]) fail(`output ${output} is made by no node`, { output });
  }
}
