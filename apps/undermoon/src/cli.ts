#!/usr/bin/env node
import { EXIT_CODES, packageVersion } from '@undermoon/settings/node';

import { parseCommandLine, type Command } from './command-line.ts';
import { CLUSTER_COMMANDS } from './commands/cluster.ts';
import { PROXY_COMMANDS } from './commands/proxy.ts';
import { SCALE_COMMANDS } from './commands/scale.ts';
import { STATUS_COMMAND } from './commands/status.ts';
import { UP_COMMAND } from './commands/up.ts';
import { CommandError, errorCodeOf } from './errors.ts';
import { printHelp } from './help.ts';

const COMMANDS: readonly Command[] = [
  UP_COMMAND,
  STATUS_COMMAND,
  ...CLUSTER_COMMANDS,
  ...SCALE_COMMANDS,
  ...PROXY_COMMANDS,
];

// Whoever reads the output may have gone; that must not end a cluster.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (errorCodeOf(error) !== 'EPIPE' && errorCodeOf(error) !== 'EIO') throw error;
  });
}

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  try {
    const request = parseCommandLine(argv, COMMANDS, process.env);
    switch (request.kind) {
      case 'help':
        printHelp(COMMANDS, request.topic, packageVersion(import.meta.url));
        return EXIT_CODES.ok;
      case 'version':
        process.stdout.write(`undermoon/${packageVersion(import.meta.url)}\n`);
        return EXIT_CODES.ok;
      case 'run':
        return await request.command.run(request.invocation);
    }
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    complain(error.message);
    return error.code === 'USAGE' ? EXIT_CODES.usage : EXIT_CODES.failure;
  }
}

function complain(text: string): void {
  const [first = '', ...rest] = text.split('\n');
  process.stderr.write(`undermoon: ${first}\n${rest.map((line) => `${line}\n`).join('')}`);
}
