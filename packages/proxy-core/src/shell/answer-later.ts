import type { Client } from './proxy-context.ts';

/**
 * Answers the command in hand with what `work` passes to `done`, once: at once, or in a later turn. The client's
 * input is only resumed by a reply in a later turn.
 */
export function answerLater(client: Client, work: (done: (reply: Buffer) => void) => void): void {
  const atOnce: Buffer[] = [];
  let isDeferred = false;
  work((reply) => {
    if (isDeferred) client.replyDeferred(reply);
    else atOnce.push(reply);
  });
  const [reply] = atOnce;
  if (reply !== undefined) {
    client.reply(reply);
    return;
  }
  isDeferred = true;
  client.deferReply();
}
