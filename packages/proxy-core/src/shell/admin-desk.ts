import type { RequestScanner } from '@undermoon/resp';
import type { Fields } from '../core/info.ts';
import { errorReply } from '../core/replies.ts';
import type { ProxyControl } from './admin.ts';
import { ControlRequest, controlRequestOf } from './control-request.ts';
import type { ControlSession } from './control-state.ts';
import type { AdminDesk, Client, Span } from './proxy-context.ts';
import { written } from './written.ts';

/** The desk of the loop that the control side runs on. */
export class LocalDesk implements AdminDesk {
  readonly #control: ProxyControl;

  constructor(control: ProxyControl) {
    this.#control = control;
  }

  take(client: Client, scanner: RequestScanner, { bytes, start, end }: Span): void {
    const reason = this.#control.refusalOf(end - start);
    if (reason !== null) {
      client.reply(errorReply(reason));
      return;
    }
    const request = new ControlRequest(scanner, bytes, start, end);
    const reply = this.#control.begin(request, sessionOf(client), (late) =>
      client.replyDeferred(late),
    );
    if (reply === null) client.deferReply();
    else client.reply(reply);
  }

  answerDeferred(client: Client, frame: Buffer, fromServers: Fields): void {
    const control = this.#control;
    const session = { ...sessionOf(client), fromServers };
    const args = controlRequestOf(frame, client.context.options.limits).args();
    client.replyDeferred(written(client, (writer) => control.execute(args, session, writer)));
  }

  answer(client: Client, args: readonly Buffer[]): void {
    const control = this.#control;
    client.reply(written(client, (writer) => control.execute(args, sessionOf(client), writer)));
  }
}

/** What replies to a client depend on. */
export function sessionOf({ session, context }: Client): ControlSession {
  const { protocol, port } = session;
  return {
    protocol,
    isPlain: context.isPlain,
    isReplicaPort: port === 'replica',
    fromServers: [],
  };
}
