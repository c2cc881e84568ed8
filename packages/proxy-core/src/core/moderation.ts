import { type ClientLoad, isCrowded } from './client-load.ts';

/**
 * Whether an event loop moderates: pauses for a moment before it sends what it gathered to the servers, so that more
 * comes together, as network cards do with their interrupts. A loop that many clients keep busy with single requests
 * spends most of its time on waking up for each few of them, as the servers do, and whoever wakes the other pays for
 * it as well. With few clients, or while the loop has time to spare, a pause would only be in the way.
 */
export interface Moderation {
  readonly isOn: boolean;
  /** For so many periods it stays off, whatever the load is. */
  readonly restPeriods: number;
}

/** What was seen of the loop in a tenth of a second. */
export interface PausedLoad {
  /** The part of the time in which it neither waited nor paused. */
  readonly busyShare: number;
  /** How long a pause took on average; 0: there was none. */
  readonly pauseMs: number;
}

/** How it begins. */
export const UNMODERATED: Moderation = { isOn: false, restPeriods: 0 };

/** With fewer requests a pause brings one or two. */
export const REQUESTS_MIN = 2500;
/** A loop that is so busy moderates; it stops when it is less so, for pauses make it less busy. */
export const BUSY_SHARE_MIN = 0.65;
export const MODERATED_BUSY_SHARE_MIN = 0.5;
/** One that is busier has no time to pause, and finds more after each turn than after a pause. */
export const BUSY_SHARE_MAX = 0.9;
/** Pauses take 0.06 to 0.1 ms where the system keeps its word. Much longer ones cost more than they bring. */
export const PAUSE_MS_MAX = 0.3;
/** A minute. */
export const REST_PERIODS = 600;

/** For the next period, by what was seen in this one. */
export function nextModeration(
  before: Moderation,
  clients: ClientLoad,
  { busyShare, pauseMs }: PausedLoad,
): Moderation {
  if (pauseMs > PAUSE_MS_MAX) return { isOn: false, restPeriods: REST_PERIODS };
  if (before.restPeriods > 0) return { isOn: false, restPeriods: before.restPeriods - 1 };
  const busyShareMin = before.isOn ? MODERATED_BUSY_SHARE_MIN : BUSY_SHARE_MIN;
  const isOn =
    isCrowded(clients) &&
    clients.requests >= REQUESTS_MIN &&
    busyShare >= busyShareMin &&
    busyShare < BUSY_SHARE_MAX;
  return { isOn, restPeriods: 0 };
}
