import type { LoopAnswer, LoopQuestion } from '../core/loop-question.ts';
import type { Client } from './proxy-context.ts';

/** Asks every loop and answers the client's command in hand with what `replyOf` makes of it. */
export function askLoops(
  client: Client,
  question: LoopQuestion,
  replyOf: (answer: LoopAnswer) => Buffer,
): void {
  // With one loop the answer comes at once, and the client goes on without a pause.
  const atOnce: LoopAnswer[] = [];
  let isDeferred = false;
  client.context.loops.ask(question, (answer) => {
    if (isDeferred) replyLater(client, answer, replyOf);
    else atOnce.push(answer);
  });
  const [answer] = atOnce;
  if (answer === undefined) {
    isDeferred = true;
    client.deferReply();
    return;
  }
  client.reply(replyOf(answer));
  if (answer.isAskerIn) client.endAfterReplies();
}

function replyLater(
  client: Client,
  answer: LoopAnswer,
  replyOf: (answer: LoopAnswer) => Buffer,
): void {
  // Nothing that it sent after this is carried out.
  if (answer.isAskerIn) client.whenQuiet(() => client.endAfterReplies());
  client.replyDeferred(replyOf(answer));
}
