import { runAllocation } from './allocation/run-allocation.ts';
import { runBroker } from './broker/run-broker.ts';
import { parseCommandLine, USAGE } from './command-line.ts';
import { runControl } from './control/run-control.ts';
import { runGuard } from './guard/run-guard.ts';
import { runMicro } from './micro/run-micro.ts';
import { runProfile } from './profile/run-profile.ts';
import { runCompare } from './run-compare.ts';
import { runProxy } from './run-proxy.ts';

const USAGE_ERROR = 2;

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  try {
    const command = parseCommandLine(argv);
    switch (command.kind) {
      case 'proxy':
        return await runProxy(command);
      case 'broker':
        return await runBroker(command);
      case 'compare':
        return await runCompare(command);
      case 'guard':
        return await runGuard();
      case 'micro':
        return await runMicro(command);
      case 'allocation':
        return await runAllocation(command);
      case 'control':
        return await runControl(command);
      case 'profile':
        return await runProfile(command);
      case 'help':
        process.stdout.write(USAGE);
        return 0;
    }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return USAGE_ERROR;
  }
}
