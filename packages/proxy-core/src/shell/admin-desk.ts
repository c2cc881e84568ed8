import type { ProxyControl } from './admin.ts';
import type { AdminDesk, Client } from './proxy-context.ts';
import { written } from './written.ts';

/** The desk of the loop that the control side runs on: it answers at once. */
export class LocalDesk implements AdminDesk {
  readonly #control: ProxyControl;

  constructor(control: ProxyControl) {
    this.#control = control;
  }

  answer(client: Client, args: readonly Buffer[]): void {
    const control = this.#control;
    client.reply(written(client, (writer) => control.execute(args, client.session, writer)));
  }
}
