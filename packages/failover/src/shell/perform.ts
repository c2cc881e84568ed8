import { BrokerClientError } from '@undermoon/broker-api/client';
import { unreachable } from '@undermoon/runtime';
import type { CoordinatorEffect } from '../core/effect.ts';
import type { CoordinatorInput } from '../core/event.ts';
import { FailoverError } from '../errors.ts';
import type { BrokerGateway } from './broker-gateway.ts';
import type { ProxyGateway } from './proxy-gateway.ts';

/** An effect that is answered by one event. */
export type AnsweredEffect = Exclude<CoordinatorEffect, { kind: 'notice' | 'forget' }>;

/** The outside world. */
export interface Gateways {
  readonly proxies: ProxyGateway;
  readonly broker: BrokerGateway;
}

/** Carries out an effect. Rejects when it fails; `failureOf` then says what to tell the reducer. */
export async function perform(
  effect: AnsweredEffect,
  { proxies, broker }: Gateways,
): Promise<CoordinatorInput> {
  switch (effect.kind) {
    case 'probe':
      await proxies.ping(effect.address);
      return { kind: 'probe-answered', id: effect.id, address: effect.address };
    case 'inspect': {
      const inspection = await proxies.inspect(effect.address);
      return { kind: 'inspected', id: effect.id, address: effect.address, ...inspection };
    }
    case 'push': {
      const { id, address } = effect;
      const { repl, cluster, code } = await proxies.push(address, effect.meta, effect.parts);
      return code === null
        ? { kind: 'pushed', id, address, repl, cluster }
        : { kind: 'push-failed', id, address, repl, code };
    }
    case 'read-inventory':
      return { kind: 'inventory', id: effect.id, ...(await broker.inventory(effect)) };
    case 'read-failures':
      return { kind: 'failures', addresses: await broker.failures() };
    case 'read-documents':
      return { kind: 'documents', id: effect.id, ...(await broker.documents()) };
    case 'read-free-documents': {
      const listing = await broker.freeDocuments(effect.addresses);
      return { kind: 'free-documents', id: effect.id, ...listing };
    }
    case 'read-cluster': {
      const cluster = await broker.cluster(effect.name);
      return { kind: 'cluster-document', cluster, first: effect.first };
    }
    case 'read-proxy':
      return { kind: 'proxy-document', document: await broker.proxy(effect.address) };
    case 'watch':
      return { kind: 'watched', id: effect.id, ...(await broker.watch(effect.since)) };
    case 'report-failure':
      await broker.report(effect.address);
      return { kind: 'report-done', address: effect.address };
    case 'withdraw-report':
      await broker.withdrawReport(effect.address);
      return { kind: 'withdrawal-done', id: effect.id, address: effect.address };
    case 'failover': {
      const replacement = await broker.failover(effect.address);
      return { kind: 'failover-done', id: effect.id, address: effect.address, replacement };
    }
    case 'commit':
      await broker.commit(effect.task);
      return { kind: 'commit-done', id: effect.id, key: effect.key };
    case 'recover-epochs':
      await broker.recoverEpochs();
      return { kind: 'recovery-done', code: null };
    default:
      return unreachable(effect);
  }
}

/** The event for an effect that failed. */
export function failureOf(effect: AnsweredEffect, code: string): CoordinatorInput {
  switch (effect.kind) {
    case 'probe':
      return { kind: 'probe-failed', id: effect.id, address: effect.address };
    case 'inspect':
      return { kind: 'inspection-failed', id: effect.id, address: effect.address, code };
    case 'push':
      return { kind: 'push-failed', id: effect.id, address: effect.address, repl: null, code };
    case 'read-inventory':
      return { kind: 'inventory-failed', id: effect.id, code };
    case 'read-documents':
      return { kind: 'documents-failed', id: effect.id, code };
    case 'read-free-documents': {
      const { id, addresses } = effect;
      return { kind: 'free-documents', id, documents: [], unread: addresses };
    }
    case 'read-failures':
    case 'read-cluster':
    case 'read-proxy':
      return { kind: 'read-failed', what: effect.kind, code };
    case 'watch':
      return { kind: 'watch-failed', id: effect.id, code };
    case 'report-failure':
      return { kind: 'report-failed', address: effect.address, code };
    case 'withdraw-report':
      return { kind: 'withdrawal-failed', id: effect.id, address: effect.address };
    case 'failover':
      return { kind: 'failover-failed', id: effect.id, address: effect.address, code };
    case 'commit':
      return { kind: 'commit-failed', id: effect.id, key: effect.key, code };
    case 'recover-epochs':
      return { kind: 'recovery-done', code };
    default:
      return unreachable(effect);
  }
}

/** The code of an expected failure; null for anything else, which is a defect. */
export function expectedCode(error: unknown): string | null {
  if (error instanceof FailoverError || error instanceof BrokerClientError) return error.code;
  return null;
}
