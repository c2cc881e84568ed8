import { readFileSync, writeFileSync } from 'node:fs';

import { replaceSettingsTable } from '@undermoon/settings';
import { expect, it } from 'vitest';

import { COORDINATOR_PROGRAM } from '../src/settings.ts';

const PAGE = new URL('../../../docs/configuration.md', import.meta.url);

it('docs/configuration.md has the tables of this program (UPDATE_DOCS=1 writes them)', () => {
  const page = readFileSync(PAGE, 'utf8');
  const wanted = replaceSettingsTable(page, COORDINATOR_PROGRAM);
  if (process.env['UPDATE_DOCS'] === '1' && wanted !== null) writeFileSync(PAGE, wanted);
  else expect(page).toBe(wanted);
});
