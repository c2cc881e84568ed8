import path from 'node:path';

import type { ChildSpec } from './child.ts';
import type { Engine } from './engine.ts';
import type { ClusterPlan, PlannedProcess, PlannedProxy } from './plan.ts';
import { programFile, type ProgramName } from './programs.ts';
import type { RunFolder } from './run-folder.ts';

/** How every process of a plan is started. */
export interface SpecFactory {
  broker(): ChildSpec;
  coordinator(process: PlannedProcess): ChildSpec;
  proxy(process: PlannedProxy): ChildSpec;
  redis(process: PlannedProcess): ChildSpec;
}

/** What the processes have in common. */
export interface SpecParts {
  readonly plan: ClusterPlan;
  readonly folder: RunFolder;
  readonly engine: Engine;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Makes the specs. Throws a `CommandError` PROGRAM_MISSING when a program is not there. */
export function specFactory(parts: SpecParts): SpecFactory {
  const { plan, folder } = parts;
  const env = childEnvironment(parts.env);
  const files = {
    'undermoon-broker': programFile('undermoon-broker'),
    'undermoon-coordinator': programFile('undermoon-coordinator'),
    'undermoon-proxy': programFile('undermoon-proxy'),
  } as const satisfies Record<ProgramName, string>;
  const common = (process: PlannedProcess) => ({
    name: process.name,
    address: process.address,
    logFile: path.join(folder.logs, `${process.name}.log`),
    env,
  });
  const program = (process: PlannedProcess, name: ProgramName, args: readonly string[]) => ({
    ...common(process),
    file: globalThis.process.execPath,
    args: [files[name], '--address', process.address, '--json', '--exit-with-parent', ...args],
    cwd: folder.directory,
    printsReady: true,
  });
  return {
    broker: () => {
      const file = path.join(folder.dataOf('broker'), 'metadata.json');
      const storage = ['--storage-type', 'file', '--meta-filename', file];
      return { kind: 'broker', ...program(plan.broker, 'undermoon-broker', storage) };
    },
    coordinator: (process) => {
      const args = ['--broker-address', plan.broker.address, '--reporter-id', process.name];
      return { kind: 'coordinator', ...program(process, 'undermoon-coordinator', args) };
    },
    proxy: (process) => {
      const args = ['--announce-address', process.address];
      args.push('--replica-address', process.replicaAddress);
      return { kind: 'proxy', ...program(process, 'undermoon-proxy', args) };
    },
    redis: (process) => {
      const directory = folder.dataOf(process.name);
      return {
        kind: 'redis',
        ...common(process),
        file: parts.engine.file,
        argv0: parts.engine.argv0,
        args: redisArgs(process, directory),
        cwd: directory,
        printsReady: false,
      };
    },
  };
}

// Nothing is written to disk, and a replica's first copy starts at once instead of waiting for others.
function redisArgs(process: PlannedProcess, directory: string): string[] {
  const port = process.address.slice(process.address.lastIndexOf(':') + 1);
  const options = {
    port,
    bind: '127.0.0.1',
    dir: directory,
    save: '',
    appendonly: 'no',
    'repl-diskless-sync': 'yes',
    'repl-diskless-sync-delay': '0',
    loglevel: 'notice',
  };
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
}

// Settings of a person's own proxies and brokers must not reach those of this cluster.
function childEnvironment(env: SpecParts['env']): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    const isSetting = name.toUpperCase().startsWith('UNDERMOON_') || name === 'RUST_LOG';
    if (value !== undefined && !isSetting) kept[name] = value;
  }
  return kept;
}
