import type { LoopAnswer, LoopQuestion } from '../core/loop-question.ts';
import { answerLater } from './answer-later.ts';
import type { Client } from './proxy-context.ts';

/** Asks every loop and answers the client's command in hand with what `replyOf` makes of it. */
export function askLoops(
  client: Client,
  question: LoopQuestion,
  replyOf: (answer: LoopAnswer) => Buffer,
): void {
  let isLater = false;
  let isAskerIn = false;
  answerLater(client, (done) => {
    client.context.loops.ask(question, (answer) => {
      isAskerIn = answer.isAskerIn;
      // Nothing that it sent after this is carried out.
      if (isLater && isAskerIn) client.whenQuiet(() => client.endAfterReplies());
      done(replyOf(answer));
    });
    isLater = true;
  });
  if (isAskerIn) client.endAfterReplies();
}
