import { DONE, type LoopAnswer, type LoopQuestion } from '../core/loop-question.ts';
import type { LatencyMonitor } from './latency-monitor.ts';

/** Answers for one loop what concerns the latency monitor. */
export function answerLatency(
  monitor: LatencyMonitor,
  question: Extract<LoopQuestion, { kind: 'latency' | 'latency-reset' | 'latency-change' }>,
): LoopAnswer {
  if (question.kind === 'latency') return { ...DONE, latency: monitor.events };
  if (question.kind === 'latency-reset') {
    return { ...DONE, latency: monitor.forget(question.names) };
  }
  monitor.thresholdMs = question.thresholdMs;
  return DONE;
}
