import { manifestPath, type Member } from './manifests.ts';
import { problem, type Problem } from './problem.ts';

/** A row of import-table.json. Entries: "slots", "broker-api/client", "tools/testkit", "*" for every package. */
export interface ImportRow {
  /** Packages only: an import goes to a lower level. */
  readonly level?: number;
  readonly imports: readonly string[];
  /** Programs that it starts as child processes: dependencies that it never imports. */
  readonly starts?: readonly string[];
}

export interface ImportTable {
  readonly packages: Readonly<Record<string, ImportRow>>;
  readonly apps: Readonly<Record<string, ImportRow>>;
  readonly tools: Readonly<Record<string, ImportRow>>;
}

/** Checks that the table itself only points to lower levels. */
export function checkImportTable(path: string, { packages }: ImportTable): Problem[] {
  return Object.entries(packages).flatMap(([name, row]) =>
    row.imports
      .filter((other) => (packages[baseOf(other)]?.level ?? Infinity) >= (row.level ?? 0))
      .map((other) => problem(path, `${name} imports ${other}, which is not on a lower level`)),
  );
}

/** Checks the dependencies between workspace members, as their manifests state them, against the table. */
export function checkPackageGraph(members: readonly Member[], table: ImportTable): Problem[] {
  const byPackageName = new Map(members.map((member) => [member.manifest.name, member]));
  return members.flatMap((member) => {
    const row = table[member.folder as keyof ImportTable][member.name];
    if (row === undefined) {
      return [
        problem(manifestPath(member), 'has no row in tools/repo-checks/src/import-table.json'),
      ];
    }
    const { dependencies = {}, devDependencies = {} } = member.manifest;
    const targetsOf = (names: Readonly<Record<string, string>>): Member[] =>
      Object.keys(names).flatMap((name) => byPackageName.get(name) ?? []);
    return [
      ...targetsOf(dependencies).flatMap((target) => checkEdge(member, target, allowedBy(row))),
      ...targetsOf(devDependencies).flatMap((target) =>
        checkEdge(member, target, [...allowedBy(row), ...toolsForTests(member, table)]),
      ),
    ];
  });
}

function checkEdge(from: Member, to: Member, allowed: readonly string[]): Problem[] {
  if (to.folder === 'packages' && allowed.includes('*')) return [];
  const entry = to.folder === 'packages' ? to.name : `${to.folder}/${to.name}`;
  if (allowed.includes(entry)) return [];
  const reason =
    to.folder === 'tools' && from.folder !== 'tools'
      ? 'a published package has no tool among its dependencies, and no tool that uses it in its tests'
      : 'the import table does not allow it';
  return [problem(manifestPath(from), `depends on ${to.manifest.name ?? entry}: ${reason}`)];
}

function allowedBy({ imports, starts = [] }: ImportRow): string[] {
  return [...imports.map(baseOf), ...starts.map((name) => `apps/${name}`)];
}

/** Tests may use testkit, unless testkit uses the package: the graph then had a cycle. */
function toolsForTests({ folder, name }: Member, { tools }: ImportTable): string[] {
  if (folder === 'packages' && tools['testkit']?.imports.includes(name)) return [];
  return ['tools/testkit'];
}

/** "broker-api/client" is a part of "broker-api"; "tools/testkit" stays as it is. */
function baseOf(entry: string): string {
  return entry.startsWith('tools/') ? entry : (entry.split('/')[0] ?? entry);
}
