import { encodeCommand } from '@undermoon/resp';
import type { BackendConnection } from './backend-connection.ts';
import type { BackendGroup } from './backend-pool.ts';
import type { Client } from './proxy-context.ts';
import { ReplyText } from './reply-text.ts';

/**
 * Sends a script ahead over `backend`, a connection to the server of `group`, if that server lacks it and it
 * is known here. The script of a later command is then there when the command comes.
 */
export function loadInto(
  { context }: Pick<Client, 'context'>,
  group: BackendGroup,
  backend: BackendConnection,
  digest: string,
): void {
  const { scripts } = context;
  const body = scripts.missingAt(group, digest);
  if (body === null) return;
  const command = encodeCommand(['SCRIPT', 'LOAD', body]);
  const sink = new ReplyText((text) => {
    if (text?.startsWith('$') === true) return;
    // Whatever went wrong, it is not there.
    group.scripts.delete(digest);
    // What was run by its text may be no script at all.
    if (text?.startsWith('-ERR') === true) scripts.forget(digest);
  });
  if (!backend.request(sink, 1, false, command, 0, command.length)) group.scripts.delete(digest);
}
