import { checkClassSizes } from './class-sizes.ts';
import { checkFileName } from './file-names.ts';
import { checkHotFile, checkHotFileList } from './hot-files.ts';
import { checkExportDocs, checkExports } from './index-exports.ts';
import { checkLockfile } from './lockfile.ts';
import { checkMarkdownLinks } from './markdown-links.ts';
import { checkManifests, type Manifest, type Member } from './manifests.ts';
import { checkImportTable, checkPackageGraph, type ImportTable } from './package-graph.ts';
import type { Problem } from './problem.ts';
import { checkTestRejections } from './test-rejections.ts';
import { checkTestSleeps } from './test-sleeps.ts';
import { isSource, type Repository } from './repository.ts';

const HOT_FILES = 'tools/repo-checks/src/hot-files.json';
const IMPORT_TABLE = 'tools/repo-checks/src/import-table.json';
const LOCKFILE = 'pnpm-lock.yaml';

/** Runs every check on a repository. */
export function checkRepository(repository: Repository): Problem[] {
  const { hotFiles } = JSON.parse(repository.read(HOT_FILES)) as { hotFiles: string[] };
  const table = JSON.parse(repository.read(IMPORT_TABLE)) as ImportTable;
  const members = readMembers(repository);
  return [
    ...repository.files.filter(isCode).flatMap(checkFileName),
    ...repository.files.filter(isSource).flatMap((file) => checkSource(repository, file)),
    ...repository.files
      .filter((file) => isCode(file) && file.endsWith('.test.ts'))
      .flatMap((file) => checkTest(file, repository.read(file))),
    ...checkHotFileList(hotFiles, repository.files),
    ...hotFiles
      .filter((file) => repository.files.includes(file))
      .flatMap((file) => checkHotFile(file, repository.read(file))),
    ...repository.files
      .filter((file) => file.endsWith('.md'))
      .flatMap((file) => checkMarkdownLinks(file, repository.read(file), repository.files)),
    ...checkLockfile(LOCKFILE, repository.read(LOCKFILE)),
    ...checkManifests(members),
    ...checkImportTable(IMPORT_TABLE, table),
    ...checkPackageGraph(members, table),
  ];
}

function isCode(file: string): boolean {
  return /^(packages|apps|tools)\//.test(file);
}

function checkTest(file: string, source: string): Problem[] {
  return [...checkTestSleeps(file, source), ...checkTestRejections(file, source)];
}

function checkSource(repository: Repository, file: string): Problem[] {
  const source = repository.read(file);
  const problems = [...checkClassSizes(file, source), ...checkExports(file, source)];
  if (/^packages\/.*\/index\.ts$/.test(file)) {
    problems.push(...checkExportDocs(file, source, repository.read));
  }
  return problems;
}

function readMembers({ files, read }: Repository): Member[] {
  return files.flatMap((file) => {
    const [folder = '', name = '', rest] = file.split('/', 3);
    if (!/^(packages|apps|tools)$/.test(folder) || rest !== 'package.json') return [];
    const hasReadme = files.includes(`${folder}/${name}/README.md`);
    return [{ folder, name, manifest: JSON.parse(read(file)) as Manifest, hasReadme }];
  });
}
