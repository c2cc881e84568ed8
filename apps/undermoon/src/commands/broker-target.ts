import path from 'node:path';

import { createBrokerClient, type BrokerClient } from '@undermoon/broker-api/client';
import { parseNodeAddress, type NodeAddress } from '@undermoon/cluster-meta';

import { usage, type Flag, type Invocation } from '../command-line.ts';
import { readRunFile } from '../up/run-file.ts';

const BROKER_FLAG: Flag = {
  name: 'broker',
  value: 'url',
  doc: 'The broker (default: $UNDERMOON_BROKER, else that of "undermoon up" in ./.undermoon, else http://127.0.0.1:7799)',
};

/** The flags of every command that asks a broker. */
export const BROKER_FLAGS: readonly Flag[] = [
  BROKER_FLAG,
  { name: 'json', doc: 'Print one JSON object' },
];

/** A broker to ask, and how it was chosen. */
export interface BrokerTarget {
  readonly address: NodeAddress;
  readonly url: string;
  readonly chosenBy: string;
}

const DEFAULT_URL = 'http://127.0.0.1:7799';
const RUN_FOLDER = './.undermoon';

/** The broker that a command is meant for. Throws a `CommandError` USAGE for what is not its URL. */
export function brokerTarget(invocation: Invocation): BrokerTarget {
  const flag = invocation.text('broker');
  if (flag !== null) return targetOf(flag, '--broker');
  const variable = invocation.env['UNDERMOON_BROKER'] ?? '';
  if (variable !== '') return targetOf(variable, 'UNDERMOON_BROKER');
  const record = readRunFile(path.resolve(RUN_FOLDER));
  if (typeof record !== 'string') return targetOf(record.broker, `${RUN_FOLDER}/run.json`);
  return targetOf(DEFAULT_URL, 'the default');
}

/** Asks a broker and closes the connections afterwards. */
export async function withBroker<T>(
  target: BrokerTarget,
  ask: (broker: BrokerClient) => Promise<T>,
): Promise<T> {
  const broker = createBrokerClient({ brokers: [target.address] });
  try {
    return await ask(broker);
  } finally {
    await broker.close();
  }
}

function targetOf(text: string, chosenBy: string): BrokerTarget {
  const withoutScheme = text.replace(/^http:\/\//, '').replace(/\/$/, '');
  const address = parseNodeAddress(withoutScheme);
  if (address !== null) return { address, url: `http://${address}`, chosenBy };
  throw usage(`${chosenBy}: expected http://host:port, got ${JSON.stringify(text)}`);
}
