// Writes the files that are generated from data/. With --check it writes nothing and fails when one of
// them differs from what it would write.
import { readFileSync, writeFileSync } from 'node:fs';
import { readReasons, readRows } from './read-data.mjs';
import { renderDocs } from './render-docs.mjs';
import { renderTable } from './render-table.mjs';

const ROOT = new URL('../../../', import.meta.url);
const isCheck = process.argv.includes('--check');
const rows = readRows();
const files = {
  'packages/proxy-core/src/core/command-table.generated.ts': renderTable(rows),
  'docs/commands.md': renderDocs(rows, readReasons()),
};

for (const [path, text] of Object.entries(files)) {
  if (textOf(path) === text) continue;
  if (isCheck) {
    console.error(`${path} differs from tools/codegen/data: run pnpm codegen`);
    process.exitCode = 1;
  } else {
    writeFileSync(new URL(path, ROOT), text);
    console.log(`wrote ${path}`);
  }
}

function textOf(path) {
  try {
    return readFileSync(new URL(path, ROOT), 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}
