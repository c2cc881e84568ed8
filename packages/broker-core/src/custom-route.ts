import type { IncomingHttpHeaders } from 'node:http';
import {
  API_PREFIX,
  BROKER_ROUTES,
  type BrokerMethod,
  type MetaStore,
} from '@undermoon/broker-api';
import type { StoreCommand, StoreOutcome } from './core/command.ts';
import { BrokerError } from './errors.ts';

/** A request to a route of the program that embeds the broker. */
export interface CustomRequest {
  readonly params: Readonly<Record<string, string>>;
  /** As decoded from the query string; a name that comes twice has an array. */
  readonly query: unknown;
  readonly headers: IncomingHttpHeaders;
  /** The decoded JSON body of a route that takes one. */
  readonly body: unknown;
  /** The same as in the log and in the answer. */
  readonly requestId: string;
}

/** What a route of the program answers: JSON, or text, or neither. Status 200 unless it says otherwise. */
export interface CustomAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly text?: string;
}

/** What a route of the program may do with the broker. */
export interface CustomRouteBroker {
  /** The present state; it never changes under its reader. */
  readonly state: () => MetaStore;
  /**
   * Carries out a mutation, which is kept, audited and told to watchers like any other. Fails with the codes
   * of the HTTP API; on a storage that brokers share also with RETRY, when another one leads.
   */
  readonly run: (command: StoreCommand) => Promise<StoreOutcome>;
}

/** A route of the program that embeds the broker, beside those of the HTTP API. */
export interface CustomRoute {
  readonly method: BrokerMethod;
  /** Outside of `/api/v3`, with `:name` for each parameter: `/hooks/:name`. */
  readonly path: string;
  /** Whether it takes a JSON body, of at most `bodyBytesMax`. Default false. */
  readonly hasBody?: boolean;
  /** A `BrokerError` that it throws is answered by its code, anything else as INTERNAL, and logged. */
  handle(request: CustomRequest, broker: CustomRouteBroker): CustomAnswer | Promise<CustomAnswer>;
}

/** Checks the paths. Throws INVALID_OPTION naming the route at fault. */
export function checkCustomRoutes(routes: readonly CustomRoute[]): readonly CustomRoute[] {
  const taken = new Set(Object.values(BROKER_ROUTES).map(({ method, path }) => key(method, path)));
  for (const [index, { method, path }] of routes.entries()) {
    const fault = faultOf(path) ?? (taken.has(key(method, path)) ? 'is taken' : null);
    if (fault !== null) {
      throw new BrokerError('INVALID_OPTION', `routes[${index}]: ${method} ${path} ${fault}`);
    }
    taken.add(key(method, path));
  }
  return [...routes];
}

function faultOf(path: string): string | null {
  if (!/^(\/(:[A-Za-z]+|[A-Za-z0-9._~-]+))+$/.test(path)) return 'is not a path like /hooks/:name';
  return `${path}/`.startsWith(`${API_PREFIX}/`) ? `is under ${API_PREFIX}` : null;
}

// Two paths that differ in the names of their parameters only are the same to a client.
function key(method: string, path: string): string {
  return `${method} ${path.replace(/:[A-Za-z]+/g, ':')}`;
}
