import { coerce, expectationOf } from './coerce.ts';
import { settingsOf } from './common-settings.ts';
import type {
  Program,
  SettingDefinition,
  SettingDefinitions,
  SettingSource,
  SettingValue,
} from './definition.ts';
import { type Environment, readEnvironment, variableOf } from './environment.ts';
import { SettingsError, type SettingsProblem } from './errors.ts';
import { flagOf, parseCommandLine, type ProgramAction, type RunSwitches } from './flags.ts';
import { suggestion } from './nearest.ts';
import type { SettingValues } from './setting-values.ts';
import { showRaw } from './show-value.ts';
import { type ReadFile, readTomlFile, type TomlFile } from './toml-file.ts';

/** Everything that settings are read from. Nothing else is looked at. */
export interface SettingsInput {
  /** The words after the program's name. */
  readonly argv: readonly string[];
  readonly env: Environment;
  readonly readFile: ReadFile;
}

/** Something that is probably a mistake but does not keep the program from running. */
export interface SettingsWarning {
  readonly code: 'UNKNOWN_KEY' | 'UNKNOWN_VARIABLE' | 'NO_EFFECT';
  readonly text: string;
}

/** A program's settings, checked, with where each came from. */
export interface Settings<D extends SettingDefinitions> {
  readonly action: ProgramAction;
  readonly switches: RunSwitches;
  readonly values: SettingValues<D>;
  /** The source of each value by key. */
  readonly sources: ReadonlyMap<string, SettingSource>;
  readonly warnings: readonly SettingsWarning[];
}

interface Candidate {
  readonly source: SettingSource;
  readonly raw: unknown;
}

/**
 * Reads a program's settings: flags win over variables, variables over the file, the file over the
 * defaults. Every given value is checked, also one that another source overrides.
 * With the action `help` or `version` only the command line is read, and the values are the defaults.
 * @throws SettingsError with all wrong values at once
 */
export function readSettings<D extends SettingDefinitions>(
  program: Program<D>,
  input: SettingsInput,
): Settings<D> {
  const definitions = settingsOf(program);
  const line = parseCommandLine(input.argv, definitions);
  const needsValues = line.action === 'run' || line.action === 'print-config';
  const env = needsValues ? input.env : {};
  const variables = readEnvironment(env, definitions, program.obsolete);
  const file = line.file !== null && needsValues ? readTomlFile(line.file, input.readFile) : null;

  const values = new Map<string, SettingValue>();
  const sources = new Map<string, SettingSource>();
  const problems: SettingsProblem[] = [];
  for (const [key, definition] of definitions) {
    const candidates: Candidate[] = [];
    const flag = needsValues ? line.values.get(key) : undefined;
    if (flag !== undefined) {
      candidates.push({ source: { kind: 'flag', name: flagOf(key) }, raw: flag });
    }
    const variable = variables.values.get(key);
    if (variable !== undefined) {
      const source: SettingSource = { kind: 'environment', name: variable.name };
      candidates.push({ source, raw: variable.text });
    }
    candidates.push(...aliasOf(definition, env), ...fromFile(key, file));
    const chosen = choose(key, definition, candidates, problems);
    values.set(key, chosen.value);
    sources.set(key, chosen.source);
  }
  const [first, ...others] = problems;
  if (first !== undefined) throw new SettingsError(first, ...others);
  return {
    action: line.action,
    switches: line.switches,
    // Each value was brought to the type of its definition above.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    values: Object.fromEntries(values) as SettingValues<D>,
    sources,
    warnings: [
      ...unknownKeys(file, definitions, program),
      ...unknownVariables(variables.unknown, definitions),
      ...withoutEffect(definitions, values),
    ],
  };
}

function aliasOf(definition: SettingDefinition, env: Environment): readonly Candidate[] {
  if (definition.type !== 'enum' || definition.alias === undefined) return [];
  const name = definition.alias.variable;
  const text = env[name];
  const raw = text === undefined ? null : definition.alias.parse(text);
  return raw === null ? [] : [{ source: { kind: 'environment', name }, raw }];
}

function fromFile(key: string, file: TomlFile | null): readonly Candidate[] {
  if (file === null || !file.values.has(key)) return [];
  return [{ source: { kind: 'file', name: file.path }, raw: file.values.get(key) }];
}

function choose(
  key: string,
  definition: SettingDefinition,
  candidates: readonly Candidate[],
  problems: SettingsProblem[],
): { readonly value: SettingValue; readonly source: SettingSource } {
  let chosen: { value: SettingValue; source: SettingSource } | null = null;
  for (const { source, raw } of candidates) {
    const value = coerce(definition, raw);
    if (value === undefined) {
      const where = source.kind === 'default' ? '' : ` (${source.name})`;
      const wanted = expectationOf(definition);
      const text = `invalid field ${key}${where}: expected ${wanted}, got ${showRaw(definition, raw)}`;
      problems.push({ code: 'INVALID_VALUE', text });
    } else {
      chosen ??= { value, source };
    }
  }
  return chosen ?? { value: definition.default, source: { kind: 'default' } };
}

function unknownKeys(
  file: TomlFile | null,
  definitions: ReadonlyMap<string, SettingDefinition>,
  program: Program,
): readonly SettingsWarning[] {
  if (file === null) return [];
  return [...file.values.keys()]
    .filter((key) => !definitions.has(key) && !program.obsolete.includes(key))
    .map((key) => ({
      code: 'UNKNOWN_KEY',
      text: `unknown key ${JSON.stringify(key)} in ${file.path}${suggestion(key, definitions.keys(), '"')}`,
    }));
}

function unknownVariables(
  names: readonly string[],
  definitions: ReadonlyMap<string, SettingDefinition>,
): readonly SettingsWarning[] {
  const known = [...definitions.keys()].map(variableOf);
  return names.map((name) => ({
    code: 'UNKNOWN_VARIABLE',
    text: `unknown variable ${name}${nearVariable(name, known)}`,
  }));
}

// The shared prefix would make every two names look near, so only what follows it is compared.
function nearVariable(name: string, known: readonly string[]): string {
  const prefixLength = variableOf('').length;
  const rests = known.map((variable) => variable.slice(prefixLength));
  const hint = suggestion(name.slice(prefixLength), rests, '');
  return hint.replace('did you mean ', `did you mean ${variableOf('')}`);
}

function withoutEffect(
  definitions: ReadonlyMap<string, SettingDefinition>,
  values: ReadonlyMap<string, SettingValue>,
): readonly SettingsWarning[] {
  return [...definitions]
    .filter(([key, { withoutEffect: has, default: usual }]) => {
      return has === true && JSON.stringify(values.get(key)) !== JSON.stringify(usual);
    })
    .map(([key]) => ({ code: 'NO_EFFECT', text: `${key} has no effect in this version` }));
}
