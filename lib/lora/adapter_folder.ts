// A compact model as two folders: its base, and the adapter that PEFT puts on it.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { formed } from '../checkpoint/forms.js';
import { exportForm } from '../checkpoint/form_error.js';
import { loadModel } from '../checkpoint/load.js';
import {
  type ExportOptions,
  type Exported,
  refuseOccupied,
  writeFolder,
} from '../checkpoint/model_folder.js';
import { replaceFolder } from '../checkpoint/replace_folder.js';
import { LoraShearError } from '../errors.js';
import type { Model } from '../models/model.js';
import { saveAdapter } from './adapter.js';
import { settingsOf } from './settings.js';

export interface ExportedAdapter {
  readonly base: Exported;
  /** The adapter's folder. */
  readonly adapter: string;
}

export interface AdapterExportOptions extends ExportOptions {
  /** What the adapter calls its base (`base_model_name_or_path`); default the path of `base/`. */
  readonly baseName?: string;
}

const parts = ['base', 'adapter'] as const;

/**
 * Writes a compact model with LoRA (not merged, not folded) to `dir/base`, as {@link exportModel} does, and its LoRA to
 * `dir/adapter`, as PEFT reads it. Both appear, or neither; an earlier export of the kind is replaced.
 * @throws CONFIG_INVALID when the model has no LoRA, EXPORT_FORM for `padded`, and what exportModel and saveAdapter throw
 */
export function exportAdapter(
  model: Model,
  dir: string,
  { from, card, maxShardBytes, baseName, ...how }: AdapterExportOptions,
): ExportedAdapter {
  if (!settingsOf(model)) {
    throw new LoraShearError('CONFIG_INVALID', 'the model has no LoRA to export beside its base', {
      hint: 'export the model alone, or before its LoRA is merged',
    });
  }
  if (how.form === 'padded') {
    const what =
      'a padded base has wider weights than the adapter was trained for: PEFT refuses factors of another width, ' +
      'and zeros beside them would train at once what was cut';
    throw exportForm(what, {
      hint: 'export without the adapter, which is merged before the zeros come, or with --form per-layer; cut.allocation layer leaves widths that need no zeros',
      facts: { form: how.form },
    });
  }
  refuseOthers(dir, from);
  const shaped = formed(model, how);
  const name = baseName ?? join(resolve(dir), 'base');
  let base: Exported | undefined;
  replaceFolder(dir, (partial) => {
    base = writeFolder(shaped, join(partial, 'base'), {
      ...{ from, card },
      ...(maxShardBytes === undefined ? {} : { maxShardBytes }),
    });
    using stored = loadModel(join(partial, 'base'));
    saveAdapter(model, join(partial, 'adapter'), { base: name, stored });
  });
  return {
    base: { ...(base as unknown as Exported), dir: join(dir, 'base') },
    adapter: join(dir, 'adapter'),
  };
}

/** @throws OUTPUT_OCCUPIED for what is no earlier export of this kind */
function refuseOthers(dir: string, from: string): void {
  const isPair =
    existsSync(dir) &&
    statSync(dir).isDirectory() &&
    parts.every((part) => existsSync(join(dir, part))) &&
    readdirSync(dir).length === parts.length;
  if (!isPair) {
    refuseOccupied(dir, from);
    return;
  }
  refuseOccupied(join(dir, 'base'), from);
  const others = readdirSync(join(dir, 'adapter')).filter(
    (file) => !/^(adapter_config\.json|adapter_model\.safetensors|README\.md)$/.test(file),
  );
  if (others.length === 0) return;
  throw new LoraShearError('OUTPUT_OCCUPIED', `${dir}/adapter holds ${others.join(', ')}`, {
    hint: 'give another folder, or empty this one',
    facts: { dir, others },
  });
}
