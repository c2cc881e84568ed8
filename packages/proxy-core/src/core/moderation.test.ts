import { expect, test } from 'vitest';
import { ACTIVE_CLIENTS_MIN, type ClientLoad } from './client-load.ts';
import {
  BUSY_SHARE_MAX,
  BUSY_SHARE_MIN,
  MODERATED_BUSY_SHARE_MIN,
  type Moderation,
  nextModeration,
  type PausedLoad,
  PAUSE_MS_MAX,
  REQUESTS_MIN,
  REST_PERIODS,
  UNMODERATED,
} from './moderation.ts';

const crowd: ClientLoad = { bytes: 240_000, requests: 6000, reads: 6000, activeClients: 50 };
const busy: PausedLoad = { busyShare: 0.75, pauseMs: 0 };
const on: Moderation = { isOn: true, restPeriods: 0 };

function isOnAfter(
  before: Moderation,
  clients: Partial<ClientLoad>,
  loop: Partial<PausedLoad>,
): boolean {
  return nextModeration(before, { ...crowd, ...clients }, { ...busy, ...loop }).isOn;
}

test('a loop that many clients keep busy with single requests moderates', () => {
  expect(nextModeration(UNMODERATED, crowd, busy)).toEqual(on);
});

test.each<[string, Partial<ClientLoad>, Partial<PausedLoad>]>([
  ['has few clients', { activeClients: ACTIVE_CLIENTS_MIN - 1 }, {}],
  ['has clients that pipeline', { reads: 3000 }, {}],
  ['has few requests', { requests: REQUESTS_MIN - 1, reads: REQUESTS_MIN - 1 }, {}],
  ['has time', {}, { busyShare: BUSY_SHARE_MIN - 0.01 }],
  ['has no time at all', {}, { busyShare: BUSY_SHARE_MAX }],
  ['has nothing to do', { requests: 0, reads: 0, activeClients: 0 }, { busyShare: 0 }],
])('one that %s does not', (_, clients, loop) => {
  expect(isOnAfter(UNMODERATED, clients, loop)).toBe(false);
});

test('it goes on while pauses make the loop less busy, and ends when it has time', () => {
  expect(isOnAfter(on, {}, { busyShare: MODERATED_BUSY_SHARE_MIN, pauseMs: 0.1 })).toBe(true);
  expect(isOnAfter(on, {}, { busyShare: MODERATED_BUSY_SHARE_MIN - 0.01, pauseMs: 0.1 })).toBe(
    false,
  );
});

test('where pauses last too long it is given up for a minute', () => {
  let moderation = nextModeration(on, crowd, { ...busy, pauseMs: PAUSE_MS_MAX + 0.01 });
  let periods = 0;
  while (!moderation.isOn) {
    moderation = nextModeration(moderation, crowd, busy);
    periods++;
  }
  expect(periods).toBe(REST_PERIODS + 1);
});
