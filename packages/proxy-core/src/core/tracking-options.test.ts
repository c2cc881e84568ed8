import { expect, test } from 'vitest';
import { parseTracking, trackingCommands, type TrackingOptions } from './tracking-options.ts';

const NONE: TrackingOptions = {
  isBroadcast: false,
  isOptIn: false,
  isOptOut: false,
  isNoLoop: false,
  redirect: 0,
  prefixes: [],
};

function parsed(
  line: string,
  known: TrackingOptions | null = null,
): ReturnType<typeof parseTracking> {
  return parseTracking(
    line.split(' ').map((word) => Buffer.from(word, 'latin1')),
    known,
  );
}

function wordsFor(options: TrackingOptions, known: readonly string[], redirect = 0): string[] {
  return trackingCommands(options, redirect, known).map((words) => words.join(' '));
}

test('options in any case and order', () => {
  expect(parsed('on Redirect 7 NoLoop OPTIN').outcome).toEqual({
    ok: true,
    value: { ...NONE, redirect: 7, isNoLoop: true, isOptIn: true },
  });
  expect(parsed('OFF').outcome).toEqual({ ok: true, value: null });
});

test('a redirection is named even if something else is wrong', () => {
  expect(parsed('ON REDIRECT 7 FOO')).toMatchObject({ redirect: 7, outcome: { ok: false } });
  expect(parsed('ON REDIRECT 7 REDIRECT 8')).toMatchObject({ redirect: 7, outcome: { ok: false } });
  expect(parsed('ON FOO REDIRECT 7')).toMatchObject({ redirect: null, outcome: { ok: false } });
});

test('prefixes add up in the order of their bytes', () => {
  const known = { ...NONE, isBroadcast: true, prefixes: ['b'] };
  const more = parsed('ON BCAST PREFIX c PREFIX a\u00ff', known).outcome;
  expect(more).toMatchObject({ ok: true, value: { prefixes: ['a\u00ff', 'b', 'c'] } });
  expect(parsed('ON BCAST', known).outcome).toMatchObject({ value: { prefixes: ['', 'b'] } });
  expect(parsed('ON BCAST PREFIX bb', known).outcome).toMatchObject({ ok: false });
});

test('a server is told what it does not know, the empty prefix last', () => {
  const options = { ...NONE, isBroadcast: true, isNoLoop: true, prefixes: ['', 'a', 'b'] };
  expect(wordsFor(options, [])).toEqual([
    'CLIENT TRACKING ON BCAST NOLOOP PREFIX a PREFIX b',
    'CLIENT TRACKING ON BCAST NOLOOP',
  ]);
  expect(wordsFor(options, ['a'])).toEqual([
    'CLIENT TRACKING ON BCAST NOLOOP PREFIX b',
    'CLIENT TRACKING ON BCAST NOLOOP',
  ]);
  expect(wordsFor(options, ['', 'a', 'b'])).toEqual(['CLIENT TRACKING ON BCAST NOLOOP']);
  expect(wordsFor({ ...NONE, isOptOut: true }, [], 9)).toEqual([
    'CLIENT TRACKING ON REDIRECT 9 OPTOUT',
  ]);
});
