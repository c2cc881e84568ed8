import { type ConfigSource, integerParameter } from '../core/config-table.ts';

/** What CONFIG SET changes of the limits for clients and servers. */
interface ChangedLimits {
  backendTimeoutMs: number;
  clientsMax: number;
  sessionTimeoutMs: number;
}

/** As in Redis. */
export const CLIENTS_MAX = 0xff_ff_ff_ff;
const TOO_MANY_CLIENTS =
  'The operating system is not able to handle the specified number of clients, try with';
const TIMEOUT_SECONDS_MAX = 0x7f_ff_ff_ff;

/**
 * How many clients there may be, and how long they and servers may be silent, under Redis' names and those of the
 * settings. `clientsFitting`: with more the process would run out of files.
 */
export function limitParameters(
  initial: ChangedLimits,
  apply: { readonly [K in keyof ChangedLimits]: (value: number) => void },
  clientsFitting: number,
): ConfigSource {
  const { backendTimeoutMs, clientsMax, sessionTimeoutMs } = initial;
  const now = { backendTimeoutMs, clientsMax, sessionTimeoutMs };
  const change = (key: keyof ChangedLimits, value: number): void => {
    now[key] = value;
    apply[key](value);
  };
  const clients = (name: string): ConfigSource[number] =>
    integerParameter({
      name,
      ...(name === 'clients_max' ? {} : { meaning: 'The setting `clients_max`.' }),
      min: 1,
      max: CLIENTS_MAX,
      read: () => now.clientsMax,
      write: (value) => change('clientsMax', value),
      fault: (value) => (value <= clientsFitting ? null : `${TOO_MANY_CLIENTS} ${clientsFitting}`),
    });
  return [
    clients('maxclients'),
    clients('clients_max'),
    integerParameter({
      name: 'backend_timeout',
      min: 1,
      max: Number.MAX_SAFE_INTEGER,
      read: () => now.backendTimeoutMs,
      write: (value) => change('backendTimeoutMs', value),
    }),
    integerParameter({
      name: 'timeout',
      meaning: 'The setting `session_timeout`, in seconds.',
      min: 0,
      max: TIMEOUT_SECONDS_MAX,
      read: () => Math.ceil(now.sessionTimeoutMs / 1000),
      write: (value) => change('sessionTimeoutMs', value * 1000),
    }),
    integerParameter({
      name: 'session_timeout',
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
      read: () => now.sessionTimeoutMs,
      write: (value) => change('sessionTimeoutMs', value),
    }),
  ];
}
