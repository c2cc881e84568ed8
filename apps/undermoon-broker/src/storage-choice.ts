import { readFileSync } from 'node:fs';
import type { BrokerOptions, EtcdTlsChoice } from '@undermoon/broker-core';
import { SettingsError, type SettingValues } from '@undermoon/settings';

import type { BROKER_SETTINGS } from './settings.ts';

type BrokerSettings = SettingValues<typeof BROKER_SETTINGS>;
type StorageOptions = Pick<
  BrokerOptions,
  | 'storage'
  | 'storageStartTimeoutMs'
  | 'readAgeMsMax'
  | 'forwardTimeoutMs'
  | 'forwardAnswerTimeoutMs'
  | 'advertiseAddress'
>;

/** The options about storage. Throws `SettingsError` naming the keys of settings that contradict each other. */
export function storageOptionsOf(values: BrokerSettings): StorageOptions {
  return {
    storage: choiceOf(values),
    storageStartTimeoutMs: values.storage_start_timeout,
    readAgeMsMax: values.read_age_max,
    forwardTimeoutMs: values.forward_timeout,
    forwardAnswerTimeoutMs: values.forward_answer_timeout,
    ...(values.advertise_address === '' ? {} : { advertiseAddress: values.advertise_address }),
  };
}

function choiceOf(values: BrokerSettings): NonNullable<BrokerOptions['storage']> {
  const { storage_type: type } = values;
  if (type !== 'etcd' && values.etcd_endpoints.length > 0) {
    throw refusal(
      `etcd_endpoints is set, but storage_type is "${type}"; set storage_type = "etcd"`,
    );
  }
  switch (type) {
    case 'memory':
      return keepsFile(values) ? fileOf(values) : 'memory';
    case 'file':
      return fileOf(values);
    case 'http':
      return {
        kind: 'http',
        address: values.http_storage_address,
        name: values.storage_name,
        password: values.storage_password,
        refreshInterval: values.refresh_interval,
        timeoutMs: values.http_storage_timeout,
      };
    case 'etcd':
      return etcdOf(values);
  }
}

function fileOf(values: BrokerSettings): NonNullable<BrokerOptions['storage']> {
  return { kind: 'file', path: values.meta_filename, logBytesMax: values.meta_log_size };
}

function etcdOf(values: BrokerSettings): NonNullable<BrokerOptions['storage']> {
  if (values.etcd_endpoints.length === 0) {
    throw refusal('storage_type is "etcd", but etcd_endpoints is empty; name at least one member');
  }
  if (values.replica_addresses.length > 0) {
    throw refusal(
      'replica_addresses is set, but brokers on etcd share their metadata; leave it empty',
    );
  }
  if (keepsFile(values)) {
    throw refusal(
      'recover_from_meta_file, auto_update_meta_file or update_meta_file_interval is set, but storage_type is "etcd"',
    );
  }
  if (/^(0\.0\.0\.0|\[::\]):/.test(values.address) && values.advertise_address === '') {
    throw refusal(
      `advertise_address is needed, because other brokers cannot connect to ${values.address}`,
    );
  }
  const { etcd_username: username, etcd_password: password } = values;
  if (username === '' && password !== '') {
    throw refusal('etcd_password is set, but etcd_username is empty');
  }
  const scheme = values.etcd_tls ? 'https' : 'http';
  const tls = tlsOf(values);
  return {
    kind: 'etcd',
    endpoints: values.etcd_endpoints.map((address) => `${scheme}://${address}`),
    ...(username === '' ? {} : { credentials: { username, password } }),
    ...(tls === null ? {} : { tls }),
    prefix: values.etcd_prefix,
    leaseTtlSeconds: values.etcd_lease_ttl,
    timeoutMs: values.etcd_timeout,
    requestBytesMax: values.etcd_request_size,
  };
}

const TLS_FILES = { ca: 'etcd_ca_file', cert: 'etcd_cert_file', key: 'etcd_key_file' } as const;

function tlsOf(values: BrokerSettings): EtcdTlsChoice | null {
  const given = Object.entries(TLS_FILES).filter(([, name]) => values[name] !== '');
  const [first] = given;
  if (first === undefined) return null;
  if (!values.etcd_tls) {
    throw refusal(`${first[1]} is set, but etcd_tls is not; set etcd_tls = true`);
  }
  if ((values.etcd_cert_file === '') !== (values.etcd_key_file === '')) {
    throw refusal('etcd_cert_file and etcd_key_file go together');
  }
  return Object.fromEntries(given.map(([key, name]) => [key, pemOf(name, values[name])]));
}

function pemOf(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw refusal(`${name} cannot be read: ${reason}`);
  }
}

// Loading without writing, and writing without loading, lost metadata at the next start; whoever asked
// for one of them wants a file. With storage HTTP, undermoon 0.6 reads the file and drops what it read.
function keepsFile(values: BrokerSettings): boolean {
  return (
    values.recover_from_meta_file ||
    values.auto_update_meta_file ||
    values.update_meta_file_interval > 0
  );
}

function refusal(text: string): SettingsError {
  return new SettingsError({ code: 'INVALID_VALUE', text });
}
