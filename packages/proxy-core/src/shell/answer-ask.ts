import type { RespLimits } from '@undermoon/resp';
import { errorReply } from '../core/replies.ts';
import type { ProxyControl } from './admin.ts';
import { controlRequestOf } from './control-request.ts';
import type { LoopAsk } from './loop-messages.ts';
import type { LoopThread } from './loop-thread.ts';

/** Answers a client of another loop that has a command for the control side. */
export function answerAsk(
  control: ProxyControl,
  limits: RespLimits,
  thread: LoopThread,
  { ask, frame, session }: LoopAsk,
): void {
  const answer = (bytes: Uint8Array): void => {
    // A small Buffer is a part of a larger one, all of which would travel.
    thread.order({ kind: 'answer', ask, bytes: new Uint8Array(bytes) });
  };
  const refusal = control.refusalOf(frame.length);
  if (refusal !== null) answer(errorReply(refusal));
  else {
    const reply = control.begin(controlRequestOf(frame, limits), session, answer);
    if (reply !== null) answer(reply);
  }
}
