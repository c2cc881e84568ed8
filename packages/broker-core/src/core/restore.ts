import {
  META_STORE_VERSION,
  metaStoreSchema,
  metaStoreToJson,
  metaStoreVersionOf,
  parsePayload,
} from '@undermoon/broker-api';
import { done, refused, type StoreRefusal, type StoreStep } from './command.ts';
import { FORCED_EPOCH_MAX } from './epoch.ts';
import { storeViolations } from './invariants.ts';
import type { StoreState } from './model.ts';

/** A state out of a dump, or why the dump is not one. */
export type LoadedDump = { readonly ok: true; readonly value: StoreState } | StoreRefusal;

/**
 * Reads a dump (a decoded JSON value). Refuses another version (INVALID_META_VERSION), another shape or a
 * state that contradicts itself (INVALID_BODY, naming what is wrong).
 */
export function parseDump(dump: unknown): LoadedDump {
  const version = metaStoreVersionOf(dump);
  if (version !== null && version !== META_STORE_VERSION) {
    const message = `version: ${JSON.stringify(version.slice(0, 64))} is not ${META_STORE_VERSION}`;
    return { ok: false, code: 'INVALID_META_VERSION', message, field: 'version' };
  }
  if (version === null) {
    const message = `version: expected ${META_STORE_VERSION}`;
    return { ok: false, code: 'INVALID_BODY', message, field: 'version' };
  }
  const parsed = parsePayload(metaStoreSchema, dump);
  if (!parsed.ok) return parsed;
  if (parsed.value.globalEpoch > FORCED_EPOCH_MAX) {
    const message = `global_epoch: above ${FORCED_EPOCH_MAX}, from where it could not rise`;
    return { ok: false, code: 'INVALID_BODY', message, field: 'global_epoch' };
  }
  const [violation] = storeViolations(parsed.value);
  if (violation !== undefined) {
    return {
      ok: false,
      code: 'INVALID_BODY',
      message: `the dump contradicts itself: ${violation}`,
    };
  }
  return { ok: true, value: withoutUnknown(parsed.value) };
}

/** Replaces the whole state by one that is not older. */
export function restore(state: StoreState, store: StoreState): StoreStep {
  const epoch = store.globalEpoch;
  if (epoch < state.globalEpoch) {
    const message = `global_epoch: ${epoch} is below the current ${state.globalEpoch}`;
    return refused(state, 'EPOCH_SMALLER_THAN_CURRENT', message);
  }
  // A standby broker is given the same state again and again; that is nothing to keep.
  if (epoch === state.globalEpoch && isSame(state, store)) return done(state, []);
  return done(store, [{ kind: 'store-restored', epoch }]);
}

function isSame(left: StoreState, right: StoreState): boolean {
  return JSON.stringify(metaStoreToJson(left)) === JSON.stringify(metaStoreToJson(right));
}

// The original accepts failure reports about addresses that nobody registered.
function withoutUnknown(state: StoreState): StoreState {
  const failures = [...state.failures].filter(([address]) => state.proxies.has(address));
  const failed = [...state.failedProxies].filter((address) => state.proxies.has(address));
  return { ...state, failures: new Map(failures), failedProxies: new Set(failed) };
}
