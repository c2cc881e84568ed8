/** What can be wrong with a command line or with settings. */
export type SettingsErrorCode =
  | 'UNKNOWN_FLAG'
  | 'MISSING_FLAG_VALUE'
  | 'REPEATED_FLAG'
  | 'UNEXPECTED_ARGUMENT'
  | 'FILE_NOT_FOUND'
  | 'FILE_UNREADABLE'
  | 'INVALID_TOML'
  | 'INVALID_VALUE';

/** One thing that is wrong, as a sentence that names the key and its source. Secrets are masked. */
export interface SettingsProblem {
  readonly code: SettingsErrorCode;
  readonly text: string;
}

/** Refused settings. `problems` has at least one entry; the message has one line for each. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  /** The code of the first problem. */
  readonly code: SettingsErrorCode;
  readonly problems: readonly SettingsProblem[];

  constructor(first: SettingsProblem, ...others: readonly SettingsProblem[]) {
    super([first, ...others].map((problem) => problem.text).join('\n'));
    this.code = first.code;
    this.problems = [first, ...others];
  }
}
