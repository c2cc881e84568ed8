#!/usr/bin/env node
import { createCoordinator } from '@undermoon/failover';
import { helpSections } from '@undermoon/settings';
import { packageVersion, runProgram } from '@undermoon/settings/node';
import { cac } from 'cac';
import { destination, pino, stdTimeFunctions } from 'pino';

import { coordinatorOptionsOf } from './coordinator-options.ts';
import { COORDINATOR_PROGRAM } from './settings.ts';

const version = packageVersion(import.meta.url);
const cli = cac(COORDINATOR_PROGRAM.name)
  .version(version)
  .help(() => helpSections(COORDINATOR_PROGRAM, version));

const exitCode = await runProgram({
  program: COORDINATOR_PROGRAM,
  argv: process.argv.slice(2),
  env: process.env,
  showHelp: () => cli.outputHelp(),
  showVersion: () => cli.outputVersion(),
  createLogger: ({ values }) =>
    pino(
      {
        name: COORDINATOR_PROGRAM.name,
        level: values.log_level,
        timestamp: stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      destination({ fd: 2, sync: true }),
    ),
  createServer: ({ values }, logger) => ({
    server: createCoordinator({ ...coordinatorOptionsOf(values), version, logger }),
    address: values.address,
  }),
});
// Whatever a library left behind must not keep a stopped program alive.
process.exit(exitCode);
