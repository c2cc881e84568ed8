import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type Given, inputOf, SAMPLE } from '../test/sample-program.ts';
import type { Program } from './definition.ts';
import { printConfig } from './print-config.ts';
import { readSettings } from './read-settings.ts';

const print = (given: Given) => printConfig(SAMPLE, readSettings(SAMPLE, inputOf(given)));

describe('printConfig', () => {
  it('shows every value with its source, by group, and masks secrets', () => {
    const text = print({
      argv: ['a.toml', '--slow-log-len', '7'],
      env: { UNDERMOON_REDIRECT: 'yes', UNDERMOON_PASSWORD: 'hush' },
      files: { 'a.toml': 'peers = "a:1,b:2"' },
    });
    expect(text).toBe(`# Settings of sample in effect

# Network
address = "127.0.0.1:5299" # default
# announce_address is not set: the value of \`address\` # default
fallback = "" # default
peers = [ "a:1", "b:2" ] # a.toml
password = "********" # UNDERMOON_PASSWORD

# Limits
slow_log_len = 7 # --slow-log-len
slower_than = 50 # default
redirect = true # UNDERMOON_REDIRECT
strategy = "disabled" # default

# Process
log_level = "info" # default
shutdown_timeout = 5000 # default
`);
  });

  it('leaves a secret with its default aside, so that the file means the same', () => {
    const program: Program = {
      ...SAMPLE,
      settings: { key: { ...SAMPLE.settings.password, default: 'usual' } },
    };
    const text = printConfig(program, readSettings(program, inputOf({})));
    expect(text).toContain('\n# key = "********" # default\n');
  });

  it('can be read again, whatever the values and the path are', () => {
    const address = fc
      .tuple(fc.domain(), fc.integer({ min: 1, max: 65_535 }))
      .map((pair) => pair.join(':'));
    const values = fc.record({
      address,
      peers: fc.array(address, { maxLength: 4 }),
      slow_log_len: fc.integer({ min: 1, max: 1_000_000 }),
      slower_than: fc.maxSafeInteger(),
      redirect: fc.boolean(),
    });
    fc.assert(
      fc.property(values, fc.string({ minLength: 1, unit: 'binary' }), (given, path) => {
        const argv = [
          `--address=${given.address}`,
          `--peers=${given.peers.join(',')}`,
          `--slow-log-len=${given.slow_log_len}`,
          `--slower-than=${given.slower_than}`,
          `--redirect=${given.redirect}`,
        ];
        const text = print({
          argv: [...argv, '--', `${path}.toml`],
          files: { [`${path}.toml`]: 'redirect = 0' },
        });
        const again = readSettings(
          SAMPLE,
          inputOf({ argv: ['a.toml'], files: { 'a.toml': text } }),
        );
        expect(again.values).toMatchObject(given);
      }),
    );
  });
});
