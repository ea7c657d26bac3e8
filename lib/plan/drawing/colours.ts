// Colours of the group kinds, each for a light and a dark page. As text on the page they keep a contrast of 4.5.
import type { GroupKind } from '../../groups/group.js';

export interface Colour {
  readonly light: string;
  readonly dark: string;
}

const grey: Colour = { light: '#656d76', dark: '#9aa4ae' };

const byKind: Partial<Record<GroupKind, Colour>> = {
  attention_heads: { light: '#0550ae', dark: '#6cb6ff' },
  query_heads: { light: '#1b6f8f', dark: '#76d6e8' },
  mlp_channels: { light: '#a04100', dark: '#f0a35e' },
  experts: { light: '#8a2d6c', dark: '#f49ad0' },
  expert_channels: { light: '#b35900', dark: '#f7c77b' },
  residual: { light: '#1a7f37', dark: '#6fd18a' },
  vocabulary: { light: '#6639ba', dark: '#c4a5ff' },
};

/** Kinds without a colour of their own are grey. */
export const colourOf = (kind: GroupKind | undefined): Colour =>
  (kind === undefined ? undefined : byKind[kind]) ?? grey;

export const ink: Colour = { light: '#1f2328', dark: '#e6edf3' };
export const faint: Colour = grey;
export const page: Colour = { light: '#ffffff', dark: '#0d1117' };
export const box: Colour = { light: '#f6f8fa', dark: '#161b22' };
export const frame: Colour = { light: '#d0d7de', dark: '#3d444d' };

/** Rules that turn the light colours of an SVG into the dark ones where the reader wants that. */
export function darkStyle(): string {
  const all = [...Object.values(byKind), grey, ink, page, box, frame];
  const rules = all.flatMap(({ light, dark }) =>
    ['fill', 'stroke'].map((side) => `[${side}="${light}"]{${side}:${dark}}`),
  );
  return `@media (prefers-color-scheme: dark){${rules.join('')}}`;
}
