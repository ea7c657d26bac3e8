import t from 'tap';
import { taskConfig } from '../../lib/evaluate/task_config.js';

t.test('when a task is described, then in the fields of lm-eval', (t) => {
  t.match(taskConfig('arc_easy'), {
    task: 'arc_easy',
    dataset_path: 'allenai/ai2_arc',
    dataset_name: 'ARC-Easy',
    test_split: 'test',
    doc_to_text: 'Question: {{question}}\nAnswer:',
    target_delimiter: ' ',
    output_type: 'multiple_choice',
    num_fewshot: 0,
    metric_list: [
      { metric: 'acc', aggregation: 'mean', higher_is_better: true },
      { metric: 'acc_norm' },
    ],
    metadata: { version: 1 },
  });
  t.notOk('dataset_name' in taskConfig('piqa'));
  t.equal(taskConfig('boolq')['validation_split'], 'validation');
  t.end();
});
