#!/usr/bin/env node
import { createBroker } from '@undermoon/broker-core';
import { helpSections } from '@undermoon/settings';
import { packageVersion, runProgram } from '@undermoon/settings/node';
import { cac } from 'cac';
import { destination, pino, stdTimeFunctions } from 'pino';

import { brokerOptionsOf } from './broker-options.ts';
import { BROKER_PROGRAM } from './settings.ts';

const version = packageVersion(import.meta.url);
const cli = cac(BROKER_PROGRAM.name)
  .version(version)
  .help(() => helpSections(BROKER_PROGRAM, version));

const exitCode = await runProgram({
  program: BROKER_PROGRAM,
  argv: process.argv.slice(2),
  env: process.env,
  showHelp: () => cli.outputHelp(),
  showVersion: () => cli.outputVersion(),
  createLogger: ({ values }) =>
    pino(
      {
        name: BROKER_PROGRAM.name,
        level: values.log_level,
        timestamp: stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      destination({ fd: 2, sync: true }),
    ),
  createServer: ({ values }, logger) => ({
    server: createBroker({ ...brokerOptionsOf(values), logger }),
    address: values.address,
  }),
});
// Whatever a library left behind must not keep a stopped program alive.
process.exit(exitCode);
