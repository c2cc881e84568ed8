import { DONE, type LoopAnswer, type LoopQuestion } from '../core/loop-question.ts';
import { COMMANDS_PROCESSED } from './loop-counters.ts';
import type { ProxyContext } from './proxy-context.ts';

/** Answers for one loop what concerns the slow log. */
export function answerSlowLog(
  { slowLog, counters }: ProxyContext,
  question: Extract<LoopQuestion, { kind: 'slow-log' | 'slow-log-clear' | 'slow-log-change' }>,
): LoopAnswer {
  if (question.kind === 'slow-log') {
    return { ...DONE, count: slowLog.length, slow: slowLog.newest(question.count) };
  }
  if (question.kind === 'slow-log-clear') slowLog.clear();
  else {
    const processed = counters[COMMANDS_PROCESSED] ?? 0;
    slowLog.change({ ...slowLog.settings, ...question.settings }, processed);
  }
  return DONE;
}
