import { errorReply, unreachableReply } from '../core/replies.ts';
import type { BackendConnection } from './backend-connection.ts';
import type { BackendLoss } from './lost-replies.ts';

/** The error for a command whose reply will not come. */
export function lossReply(source: BackendConnection, loss: BackendLoss): Buffer {
  const { address, replyTimeout } = source.options;
  switch (loss) {
    case 'unreachable':
      return unreachableReply(address);
    case 'lost':
      return errorReply(
        `ERR connection to ${address} was lost, the command may have been executed`,
      );
    case 'timeout':
      return errorReply(
        `ERR no reply from ${address} within ${replyTimeout.ms} ms, the command may have been executed`,
      );
  }
}
