// The `configs` entry of a task in lm-eval's result file.
import { type TaskName, tasks } from './index.js';

/** lm-eval's fields with its values, those of its own machinery (samplers, decontamination) left out. */
export function taskConfig(name: TaskName): Record<string, unknown> {
  const { dataset, templates, metrics, version } = tasks[name];
  return {
    task: name,
    dataset_path: dataset.path,
    ...(dataset.name === null ? {} : { dataset_name: dataset.name }),
    [`${dataset.split}_split`]: dataset.split,
    ...templates,
    description: '',
    target_delimiter: ' ',
    fewshot_delimiter: '\n\n',
    num_fewshot: 0,
    metric_list: metrics.map((metric) => ({ metric, aggregation: 'mean', higher_is_better: true })),
    output_type: 'multiple_choice',
    repeats: 1,
    metadata: { version },
  };
}
