import { DONE, type LoopAnswer, type LoopQuestion } from '../core/loop-question.ts';
import type { ProxyContext } from './proxy-context.ts';

/** Does for one loop what concerns the clients that monitor. */
export function answerMonitors(
  { monitor }: ProxyContext,
  question: Extract<LoopQuestion, { kind: 'monitors' | 'monitored' }>,
): LoopAnswer {
  if (question.kind === 'monitors') monitor.onChange(question.change);
  else monitor.onLines(question.lines);
  return DONE;
}
