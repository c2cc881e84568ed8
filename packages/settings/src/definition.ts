interface SettingCommon {
  /** The heading of `--help` and of the documentation under which the setting is listed. */
  readonly group: string;
  /** One or two sentences for people, without the default and the limits, which are added. */
  readonly doc: string;
  /** The value is masked wherever settings or problems are shown. */
  readonly secret?: boolean;
  /** Accepted so that existing files keep working; another value than the default is warned about. */
  readonly withoutEffect?: boolean;
  /** What it means when the setting has no value; for settings whose default is null. */
  readonly unset?: string;
}

/** Free text; nothing is trimmed. */
export interface StringSetting extends SettingCommon {
  readonly type: 'string';
  readonly default: string | null;
  readonly isEmptyAllowed?: boolean;
}

/** A whole number within limits. */
export interface IntSetting extends SettingCommon {
  readonly type: 'int';
  readonly default: number | null;
  readonly min?: number;
  readonly max?: number;
  readonly unit?: string;
}

/** A switch. */
export interface BoolSetting extends SettingCommon {
  readonly type: 'bool';
  readonly default: boolean;
}

/** `host:port`; IPv6 hosts are in brackets. The empty string means "none" where it is allowed. */
export interface AddressSetting extends SettingCommon {
  readonly type: 'address';
  readonly default: string | null;
  readonly isEmptyAllowed?: boolean;
  /** An address to listen on, where port 0 stands for any free port. */
  readonly isListener?: boolean;
}

/** Addresses: a TOML array of strings, or one string with commas. May be empty. */
export interface ListSetting extends SettingCommon {
  readonly type: 'list';
  readonly default: readonly string[];
}

/** One of a few words, in any case. */
export interface EnumSetting extends SettingCommon {
  readonly type: 'enum';
  readonly default: string;
  readonly values: readonly string[];
  /** A further variable that is read when `UNDERMOON_<KEY>` is not set; null leaves it aside. */
  readonly alias?: {
    readonly variable: string;
    readonly parse: (text: string) => string | null;
  };
}

/** One setting of a program: its type, default, limits and documentation. */
export type SettingDefinition =
  | StringSetting
  | IntSetting
  | BoolSetting
  | AddressSetting
  | ListSetting
  | EnumSetting;

/** The settings of a program by key; keys are in lower case with underscores. */
export type SettingDefinitions = Readonly<Record<string, SettingDefinition>>;

/** The one table that a program's settings, flags, help text and documentation come from. */
export interface Program<D extends SettingDefinitions = SettingDefinitions> {
  /** The name of the command. */
  readonly name: string;
  /** What the command does, in one sentence. */
  readonly summary: string;
  /** A usual name of its file, for texts. */
  readonly fileName: string;
  readonly settings: D;
  /** Keys that earlier versions had; they are accepted silently and ignored. */
  readonly obsolete: readonly string[];
}

/** A value of any setting. */
export type SettingValue = string | number | boolean | readonly string[] | null;

type NullOf<D> = D extends { readonly default: null } ? null : never;

/** The type of the value of one setting. */
export type ValueOf<D extends SettingDefinition> = D extends { readonly type: 'int' }
  ? number | NullOf<D>
  : D extends { readonly type: 'bool' }
    ? boolean
    : D extends { readonly type: 'list' }
      ? readonly string[]
      : D extends { readonly type: 'enum'; readonly values: readonly (infer V)[] }
        ? V
        : string | NullOf<D>;

/** Where a value comes from. `name` is the flag, the variable or the path of the file. */
export type SettingSource =
  | { readonly kind: 'flag' | 'environment' | 'file'; readonly name: string }
  | { readonly kind: 'default' };
