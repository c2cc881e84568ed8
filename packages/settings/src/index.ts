export { COMMON_SETTINGS } from './common-settings.ts';
export type {
  AddressSetting,
  BoolSetting,
  EnumSetting,
  IntSetting,
  ListSetting,
  Program,
  SettingDefinition,
  SettingDefinitions,
  SettingSource,
  SettingValue,
  StringSetting,
  ValueOf,
} from './definition.ts';
export { replaceSettingsTable, settingsTable } from './docs-table.ts';
export type { Environment } from './environment.ts';
export { SettingsError } from './errors.ts';
export type { SettingsErrorCode, SettingsProblem } from './errors.ts';
export type { ProgramAction, RunSwitches } from './flags.ts';
export { flagsByGroup, helpSections } from './help.ts';
export type { FlagHelp, HelpSection } from './help.ts';
export { suggestion } from './nearest.ts';
export { printConfig } from './print-config.ts';
export { readSettings } from './read-settings.ts';
export type { Settings, SettingsInput, SettingsWarning } from './read-settings.ts';
export type { SettingValues } from './setting-values.ts';
export type { ReadFile } from './toml-file.ts';
