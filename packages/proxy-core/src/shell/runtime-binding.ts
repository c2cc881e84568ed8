/**
 * The parts of one of the runtime's own modules, by name; null where this runtime does not give it away. Not
 * public API: whoever uses a part looks at it first.
 */
export function loadBinding(name: string): ReadonlyMap<string, unknown> | null {
  const load: unknown = Reflect.get(process, 'binding');
  if (typeof load !== 'function') return null;
  try {
    const binding: unknown = Reflect.apply(load, process, [name]);
    if (typeof binding !== 'object' || binding === null) return null;
    return new Map<string, unknown>(Object.entries(binding));
  } catch {
    // Whatever a runtime throws at the question means no.
    return null;
  }
}

/** Whether an object has all of these methods. */
export function hasMethods(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof Reflect.get(value, name) === 'function');
}
