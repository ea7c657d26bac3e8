// The error of a model that a form of export cannot hold.
import { LoraShearError, type ErrorFacts } from '../errors.js';

/** EXPORT_FORM */
export const exportForm = (what: string, more: ErrorFacts): LoraShearError =>
  new LoraShearError('EXPORT_FORM', what, more);
