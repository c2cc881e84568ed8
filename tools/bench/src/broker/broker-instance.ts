import { once } from 'node:events';
import { Agent, type Dispatcher } from 'undici';
import { startProcess, type MeasuredProcess } from '../measured-process.ts';

/** A broker with its state in a file, and connections to it. */
export interface BrokerInstance {
  readonly address: string;
  readonly process: MeasuredProcess;
  /** From the start of the process until it said that it is ready. */
  readonly startMs: number;
  /** Sends a request and returns its body. Throws when the status is none of those. */
  ask(
    method: Dispatcher.HttpMethod,
    path: string,
    body?: unknown,
    ok?: readonly number[],
  ): Promise<string>;
  readonly agent: Agent;
  /** Ends the process in order, so that another one can go on from its file. */
  stop(): Promise<void>;
}

export interface BrokerPlan {
  readonly program: string;
  /** Where the file is. */
  readonly folder: string;
  readonly cores: string;
  readonly connections: number;
}

const READY = / listening on (\S+)\n/;

export async function startBroker(plan: BrokerPlan): Promise<BrokerInstance> {
  const { program, folder, cores, connections } = plan;
  const startedAt = performance.now();
  const server = startProcess({
    command: process.execPath,
    args: [program, '--address', '127.0.0.1:0', '--storage-type', 'file', '--log-level', 'warn'],
    cores,
    cwd: folder,
  });
  const address = await addressOf(server);
  const startMs = performance.now() - startedAt;
  const agent = new Agent({ connections, pipelining: 1, keepAliveTimeout: 60_000 });
  return {
    address,
    process: server,
    startMs,
    agent,
    ask: async (method, path, body, ok = [200]) => {
      const response = await agent.request({
        origin: `http://${address}`,
        method,
        path,
        headers: {
          'accept-encoding': 'identity',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.body.text();
      if (ok.includes(response.statusCode)) return text;
      throw new Error(`${method} ${path}: ${response.statusCode} ${text}`);
    },
    stop: async () => {
      await agent.destroy();
      const ended = once(server.child, 'close');
      server.child.kill('SIGTERM');
      await ended;
    },
  };
}

async function addressOf(server: MeasuredProcess): Promise<string> {
  for (;;) {
    const [, address] = READY.exec(server.output) ?? [];
    if (address !== undefined) return address;
    if (server.child.exitCode !== null || server.child.stdout === null) {
      throw new Error(`the broker did not start:\n${server.output}`);
    }
    await Promise.race([once(server.child.stdout, 'data'), once(server.child, 'close')]);
  }
}
