import { readFile, writeFile } from 'node:fs/promises';

import { replaceSettingsTable } from '@undermoon/settings';
import { expect, it } from 'vitest';

import { COORDINATOR_PROGRAM } from '../src/settings.ts';

const PAGE = new URL('../../../docs/configuration.md', import.meta.url);

it('docs/configuration.md has the tables of this program (UPDATE_DOCS=1 writes them)', async () => {
  const page = await readFile(PAGE, 'utf8');
  const wanted = replaceSettingsTable(page, COORDINATOR_PROGRAM);
  if (process.env['UPDATE_DOCS'] === '1' && wanted !== null) await writeFile(PAGE, wanted);
  else expect(page).toBe(wanted);
});
