import { problem, type Problem } from './problem.ts';

/** The fields of a package.json of the workspace that the checks read. */
export interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly description?: string;
  readonly license?: string;
  readonly private?: boolean;
  readonly type?: string;
  readonly engines?: { readonly node?: string };
  readonly files?: readonly string[];
  readonly repository?: { readonly directory?: string };
  readonly publishConfig?: { readonly access?: string };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** A workspace member: the folder it is in ("packages", "apps", "tools"), its own folder, and its manifest. */
export interface Member {
  readonly folder: string;
  readonly name: string;
  readonly manifest: Manifest;
  readonly hasReadme: boolean;
}

export function manifestPath({ folder, name }: Member): string {
  return `${folder}/${name}/package.json`;
}

/** Checks the fields that every published package needs, and that all of them share one version. */
export function checkManifests(members: readonly Member[]): Problem[] {
  const published = members.filter(({ folder }) => folder !== 'tools');
  const versions = new Set(published.map(({ manifest }) => manifest.version));
  const problems = published.flatMap(checkPublished);
  if (versions.size > 1) {
    problems.push(
      problem('package.json', `packages have different versions: ${[...versions].join(', ')}`),
    );
  }
  for (const member of members) {
    if (member.folder === 'tools' && member.manifest.private !== true) {
      problems.push(problem(manifestPath(member), 'a tool must be private'));
    }
    problems.push(...checkDependencyRanges(member));
  }
  return problems;
}

function checkPublished(member: Member): Problem[] {
  const { folder, name, manifest, hasReadme } = member;
  const wrong: string[] = [];
  const expectedName = folder === 'packages' ? `@undermoon/${name}` : name;
  if (manifest.name !== expectedName) wrong.push(`name must be ${expectedName}`);
  if (!manifest.description) wrong.push('description is missing');
  if (manifest.license !== 'Apache-2.0') wrong.push('license must be Apache-2.0');
  if (manifest.private) wrong.push('private keeps it from being published');
  if (manifest.type !== 'module') wrong.push('type must be module');
  if (manifest.engines?.node !== '>=20.19') wrong.push('engines.node must be >=20.19');
  if (!manifest.files?.includes('dist')) wrong.push('files must include dist');
  if (manifest.repository?.directory !== `${folder}/${name}`) {
    wrong.push(`repository.directory must be ${folder}/${name}`);
  }
  if (manifest.publishConfig?.access !== 'public')
    wrong.push('publishConfig.access must be public');
  if (!hasReadme) wrong.push('README.md is missing beside it');
  return wrong.map((message) => problem(manifestPath(member), message));
}

/** A version is written in one place: the catalog of pnpm-workspace.yaml. */
function checkDependencyRanges(member: Member): Problem[] {
  const { dependencies, devDependencies, peerDependencies } = member.manifest;
  return Object.entries({ ...dependencies, ...devDependencies, ...peerDependencies })
    .filter(([, range]) => range !== 'catalog:' && range !== 'workspace:*')
    .map(([name, range]) =>
      problem(manifestPath(member), `${name} is "${range}": use "catalog:" or "workspace:*"`),
    );
}
