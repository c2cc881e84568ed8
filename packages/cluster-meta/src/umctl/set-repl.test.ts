import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { setRepl } from '../../test/arbitraries.ts';
import { refusalOf, valueOf } from '../../test/outcomes.ts';
import {
  FREE_PROXY,
  FREE_SET_REPL,
  MEMBER_PROXY,
  MEMBER_SET_REPL,
  words,
} from '../../test/worked-example.ts';
import { parseProxyJson } from '../json/proxy.ts';
import { setReplOf } from './of-proxy-meta.ts';
import { encodeSetRepl, parseSetRepl } from './set-repl.ts';

describe('encodeSetRepl', () => {
  it('writes the worked examples word for word', () => {
    const member = valueOf(parseProxyJson(MEMBER_PROXY));
    expect(encodeSetRepl(setReplOf(member))).toEqual(MEMBER_SET_REPL);
    const free = valueOf(parseProxyJson(FREE_PROXY));
    expect(encodeSetRepl(setReplOf(free))).toEqual(FREE_SET_REPL);
  });
});

describe('parseSetRepl', () => {
  it('reads back whatever is encoded', () => {
    fc.assert(
      fc.property(setRepl, (command) => {
        expect(valueOf(parseSetRepl(encodeSetRepl(command)))).toEqual(command);
      }),
    );
  });

  it('reads roles and flags in any case, and no entries at all', () => {
    expect(valueOf(parseSetRepl(words('1 x,force MASTER "" h:1 0')))).toEqual({
      epoch: 1,
      force: true,
      entries: [{ role: 'master', clusterName: null, nodeAddress: 'h:1', peers: [] }],
    });
    expect(valueOf(parseSetRepl(['1', 'NOFLAG'])).entries).toEqual([]);
  });

  it.each([
    ['x NOFLAG', 'InvalidArgs: epoch "x": not a whole number up to 9007199254740991'],
    ['1', 'InvalidArgs: flags: missing'],
    ['1 NOFLAG slave c h:1 0', 'InvalidArgs: entries[0]: role "slave": not master or replica'],
    ['1 NOFLAG master', 'InvalidArgs: entries[0]: cluster name: missing'],
    [
      '1 NOFLAG master a/b h:1 0',
      'InvalidClusterName: entries[0]: cluster name "a/b": not a cluster name',
    ],
    ['1 NOFLAG master c h 0', 'InvalidArgs: entries[0]: node address "h": not host:port'],
    ['1 NOFLAG master c h:1', 'InvalidArgs: entries[0]: peer count: missing'],
    ['1 NOFLAG master c h:1 -1', 'InvalidArgs: entries[0]: peer count "-1": not a whole number'],
    ['1 NOFLAG master c h:1 1 p:1', 'InvalidArgs: entries[0]: peer count 1: only 1 words follow'],
    [
      '1 NOFLAG master c h:1 999999999 p:1 q:1',
      'InvalidArgs: entries[0]: peer count 999999999: only 2 words follow',
    ],
    [
      '1 NOFLAG master c h:1 2 p:1 q:1 p:2 q',
      'InvalidArgs: entries[0]: peers[1]: proxy address "q": not host:port',
    ],
    ['1 NOFLAG master c h:1 0 replica c h:1 0', 'InvalidArgs: entries[1]: node h:1 is named twice'],
    ['1 NOFLAG master c h:1 0 p:1', 'InvalidArgs: entries[1]: role "p:1": not master or replica'],
  ])('refuses %j: %s', (text, refusal) => {
    expect(refusalOf(parseSetRepl(words(text)))).toBe(refusal);
  });

  it('refuses more words than the limit', () => {
    expect(parseSetRepl(MEMBER_SET_REPL, { wordsMax: 14 }).ok).toBe(true);
    expect(refusalOf(parseSetRepl(MEMBER_SET_REPL, { wordsMax: 13 }))).toBe(
      'InvalidArgs: 14 words, over the limit',
    );
  });
});
