import { readFileSync } from 'node:fs';

/** A command that the proxy supports. */
export interface SupportedCommand {
  /** "xgroup|create" */
  readonly name: string;
  /** How: "forward", "answer", … */
  readonly verdict: string;
}

/** What the tool knows of the command table. */
export interface CommandList {
  readonly supported: readonly SupportedCommand[];
  /** Commands of which some forms are refused. */
  readonly conditional: ReadonlySet<string>;
  /** Commands that came after the version of the server that tests run on. */
  readonly unknownToServer: ReadonlySet<string>;
  /** Commands that take other numbers of arguments since. */
  readonly changedArity: ReadonlySet<string>;
  /** Words that a command has, its name included; negative: at least so many. */
  readonly arities: ReadonlyMap<string, number>;
}

const DATA = new URL('../../codegen/data/', import.meta.url);
// Sections of policy.json that give no verdict, or the one that leaves a command out.
const NO_VERDICT: ReadonlySet<string> = new Set([
  'reasons',
  'conditions',
  'own',
  'containers',
  'refuse',
]);

/** Reads the source data of the command table. Throws a TypeError for data of another form. */
export function readCommandList(): CommandList {
  const policy = readObject('policy.json');
  const own = objectAt(policy, 'own');
  const all = objectAt(readObject('commands.json'));
  const changes = readObject('changes-7.2.json');
  const added = objectAt(changes, 'add');
  const changed = Object.entries(objectAt(changes, 'change'));
  const supported: SupportedCommand[] = [];
  for (const [verdict, section] of Object.entries(policy)) {
    if (NO_VERDICT.has(verdict)) continue;
    for (const name of Object.keys(objectAt(section))) {
      if (own[name] === undefined) supported.push({ name, verdict });
    }
  }
  const answered = new Set(supported.map(({ name }) => name.split('|')[0]));
  // HELP of a container is answered as soon as one of its subcommands is of use.
  for (const name of [...Object.keys(all), ...Object.keys(added)]) {
    const [container = '', subcommand] = name.split('|');
    if (subcommand === 'help' && answered.has(container))
      supported.push({ name, verdict: 'answer' });
  }
  return {
    supported,
    conditional: new Set(Object.keys(objectAt(policy, 'conditions'))),
    unknownToServer: new Set(Object.keys(added)),
    changedArity: new Set(
      changed.filter(([, facts]) => 'arity' in objectAt(facts)).map(([name]) => name),
    ),
    arities: new Map(
      Object.entries({ ...all, ...added }).map(([name, facts]) => [name, arityOf(facts)]),
    ),
  };
}

function arityOf(facts: unknown): number {
  const arity = objectAt(facts)['arity'];
  if (typeof arity !== 'number') throw new TypeError('command data: arity is no number');
  return arity;
}

function readObject(file: string): Record<string, unknown> {
  const parsed: unknown = JSON.parse(readFileSync(new URL(file, DATA), 'utf8'));
  return objectAt(parsed);
}

function objectAt(value: unknown, field?: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new TypeError('command data: no object');
  const object: Record<string, unknown> = Object.fromEntries(Object.entries(value));
  return field === undefined ? object : objectAt(object[field]);
}
