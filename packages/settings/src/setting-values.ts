import type { COMMON_SETTINGS } from './common-settings.ts';
import type { SettingDefinitions, ValueOf } from './definition.ts';

/** The values of a program's own settings and of those that every program has. */
export type SettingValues<D extends SettingDefinitions> = {
  readonly [K in keyof D]: ValueOf<D[K]>;
} & { readonly [K in keyof typeof COMMON_SETTINGS]: ValueOf<(typeof COMMON_SETTINGS)[K]> };
