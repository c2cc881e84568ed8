/**
 * A refusal that the caller is meant to handle, as a value: either the result, or a code from a
 * closed list with the field it concerns and a sentence for people.
 */
export type Outcome<T, C extends string> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: C; readonly message: string };

/** Wraps a result. */
export function accept<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** Wraps a refusal. `message` is for people and names the offending field. */
export function refuse<C extends string>(
  code: C,
  message: string,
): { readonly ok: false; readonly code: C; readonly message: string } {
  return { ok: false, code, message };
}
