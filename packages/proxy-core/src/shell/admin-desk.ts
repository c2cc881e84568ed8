import type { RequestScanner } from '@undermoon/resp';
import { errorReply } from '../core/replies.ts';
import type { ProxyControl } from './admin.ts';
import { ControlRequest } from './control-request.ts';
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
    const reply = this.#control.begin(request, client.session, (late) =>
      client.replyDeferred(late),
    );
    if (reply === null) client.deferReply();
    else client.reply(reply);
  }

  answer(client: Client, args: readonly Buffer[]): void {
    const control = this.#control;
    client.reply(written(client, (writer) => control.execute(args, client.session, writer)));
  }
}
