/** Ends a `switch` over a closed union: does not compile while a case is missing, and throws if one slips in. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
