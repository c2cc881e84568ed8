import { expect } from 'vitest';
import type { Outcome } from '@undermoon/runtime';

/** The value of an outcome that has to be accepted. */
export function valueOf<T>(outcome: Outcome<T, string>): T {
  if (!outcome.ok) throw new Error(`refused: ${outcome.code}: ${outcome.message}`);
  return outcome.value;
}

/** `<code>: <message>` of an outcome that has to be refused. */
export function refusalOf(outcome: Outcome<unknown, string>): string {
  expect(outcome).toMatchObject({ ok: false });
  return outcome.ok ? '' : `${outcome.code}: ${outcome.message}`;
}
