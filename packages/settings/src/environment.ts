import type { SettingDefinition } from './definition.ts';

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says: text by key, with the names as written, and the unknown variables. */
export interface EnvironmentValues {
  readonly values: ReadonlyMap<string, { readonly name: string; readonly text: string }>;
  readonly unknown: readonly string[];
}

const PREFIX = 'UNDERMOON_';

/** `backend_conn_num` is `UNDERMOON_BACKEND_CONN_NUM`. */
export function variableOf(key: string): string {
  return PREFIX + key.toUpperCase();
}

// A Kubernetes service named undermoon-… puts such variables into every pod of its namespace.
const SERVICE_LINK =
  /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

// Of the repository's start script, which passes its environment on, and of the command `undermoon`, whose
// variables people set for a whole shell.
const IGNORED: ReadonlySet<string> = new Set([
  'UNDERMOON_NODE',
  'UNDERMOON_BROKER',
  'UNDERMOON_ENGINE',
]);

/**
 * Picks the variables of a program. Prefix and key are compared in any case; the usual spelling wins
 * where there are several. Obsolete keys and the variables of Kubernetes services are left aside.
 */
export function readEnvironment(
  env: Environment,
  settings: ReadonlyMap<string, SettingDefinition>,
  obsolete: readonly string[],
): EnvironmentValues {
  const values = new Map<string, { name: string; text: string }>();
  const unknown: string[] = [];
  for (const name of Object.keys(env).toSorted()) {
    const text = env[name];
    const upper = name.toUpperCase();
    if (text === undefined || !upper.startsWith(PREFIX)) continue;
    const key = upper.slice(PREFIX.length).toLowerCase();
    if (settings.has(key)) {
      if (!values.has(key) || name === variableOf(key)) values.set(key, { name, text });
    } else if (!obsolete.includes(key) && !IGNORED.has(upper) && !SERVICE_LINK.test(upper)) {
      unknown.push(name);
    }
  }
  return { values, unknown };
}
