#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';
import { createProxyServer } from '@undermoon/proxy-core';
import { helpSections } from '@undermoon/settings';
import { packageVersion, runProgram } from '@undermoon/settings/node';
import { cac } from 'cac';
import { destination, pino, stdTimeFunctions } from 'pino';

import { proxyOptionsOf } from './proxy-options.ts';
import { PROXY_PROGRAM } from './settings.ts';

// A proxy leaves next to nothing for the garbage collector to move, so helpers gain nothing. Where all cores are busy, the
// event loop waits for them: 5 ms and more instead of 2 at most.
setFlagsFromString('--no-parallel-scavenge');

const version = packageVersion(import.meta.url);
const cli = cac(PROXY_PROGRAM.name)
  .version(version)
  .help(() => helpSections(PROXY_PROGRAM, version));

const exitCode = await runProgram({
  program: PROXY_PROGRAM,
  argv: process.argv.slice(2),
  env: process.env,
  showHelp: () => cli.outputHelp(),
  showVersion: () => cli.outputVersion(),
  createLogger: ({ values }) =>
    pino(
      {
        name: PROXY_PROGRAM.name,
        level: values.log_level,
        timestamp: stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      destination({ fd: 2, sync: true }),
    ),
  createServer: ({ values }, logger) => {
    let askForStop: ((reason: string) => void) | undefined;
    let fail: ((error: Error) => void) | undefined;
    const stopRequested = new Promise<string>((resolve, reject) => {
      askForStop = resolve;
      fail = reject;
    });
    const server = createProxyServer({
      ...proxyOptionsOf(values),
      logger,
      onShutdown: () => askForStop?.('UMCTL SHUTDOWN'),
      onFailure: (error) => fail?.(error),
    });
    return { server, address: values.address, stopRequested };
  },
});
// Whatever a library left behind must not keep a stopped program alive.
process.exit(exitCode);
