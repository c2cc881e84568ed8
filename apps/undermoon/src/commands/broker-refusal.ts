import { BrokerClientError } from '@undermoon/broker-api/client';

import { CommandError } from '../errors.ts';
import type { BrokerTarget } from './broker-target.ts';

// What a refusal means for the person in front of it. Codes that are not here come with the broker's own text.
const MEANINGS: Readonly<Partial<Record<BrokerClientError['code'], string>>> = {
  CLUSTER_NOT_FOUND: 'there is no cluster of that name; "undermoon cluster list" shows all',
  ALREADY_EXISTED: 'there is a cluster of that name already',
  ONE_CLUSTER_ALREADY_EXISTED:
    'the broker places proxies by their index, and then has one cluster only',
  INVALID_CLUSTER_NAME: 'a name has 1 to 31 characters out of A-Z a-z 0-9 @ - _',
  INVALID_NODE_NUMBER: 'the number of nodes has to be a multiple of 4, and at least 4',
  NO_AVAILABLE_RESOURCE:
    'there are not enough free proxies; 4 nodes take 2 proxies on different hosts, and "undermoon status" shows which are free',
  RESOURCE_NOT_BALANCE: 'the free proxies are too unevenly spread over their hosts',
  PROXY_RESOURCE_OUT_OF_ORDER: 'the indexes of the free proxies leave gaps',
  MIGRATION_RUNNING:
    'slots are being moved; "undermoon cluster migrations" shows which, and its --cancel drops what was not handed over yet',
  NODE_NUMBER_CHANGING: 'the number of nodes is being changed already; try again later',
  SLOTS_ALREADY_EVEN: 'all nodes have their share of the slots already',
  FREE_NODE_NOT_FOUND: 'all nodes have slots',
  FREE_NODE_FOUND: 'some nodes have no slots; "undermoon cluster remove-free" removes them',
  MIGRATION_TASK_NOT_FOUND: 'no slots are being moved',
  PROXY_NOT_SYNC:
    'the nodes were added, but their proxies do not know the cluster yet; run it again to go on (are coordinators running?)',
  PROXY_NOT_FOUND: 'there is no proxy of that address; "undermoon proxy list" shows all',
  MISSING_SERVER_PROXY_INDEX: 'the broker places proxies by their index; --index gives it',
  RETRY: 'somebody else changed the metadata at the same time; try again',
  PERSISTENCE_IO_ERROR:
    'the broker could not write its file, and nothing was changed; is its disk full?',
  SHUTTING_DOWN: 'the broker is being stopped',
  OVERLOADED: 'the broker has too much to do; try again later',
};

/** Runs a command's requests; what the broker refuses, or that it cannot be asked, becomes a `CommandError`. */
export async function explainRefusals<T>(target: BrokerTarget, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof BrokerClientError)) throw error;
    throw explained(target, error);
  }
}

function explained(target: BrokerTarget, error: BrokerClientError): CommandError {
  const { url, chosenBy } = target;
  switch (error.code) {
    case 'BROKER_UNREACHABLE':
      return new CommandError(
        'BROKER',
        `cannot reach the broker at ${url} (from ${chosenBy}); "undermoon up" starts one, --broker names another`,
        { cause: error },
      );
    case 'BROKER_TIMEOUT':
      return new CommandError(
        'BROKER',
        `the broker at ${url} (from ${chosenBy}) does not answer in time`,
        {
          cause: error,
        },
      );
    case 'BAD_RESPONSE':
      return new CommandError(
        'BROKER',
        `what listens at ${url} is not a broker: ${error.message}`,
        {
          cause: error,
        },
      );
    default: {
      const meaning = MEANINGS[error.code] ?? error.message;
      return new CommandError('REFUSED', `the broker refused: ${error.code}: ${meaning}`, {
        cause: error,
      });
    }
  }
}
