/** What one process measured: nanoseconds per operation by the name of the case. */
export type MicroFigures = ReadonlyMap<string, number>;

/** Reads what a worker printed. Throws when it is something else. */
export function parseFigures(text: string): MicroFigures {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new Error(`no figures: ${text}`);
  return new Map(
    Object.entries(value).map(([name, ns]: [string, unknown]) => {
      if (typeof ns !== 'number') throw new Error(`${name}: ${String(ns)} is no number`);
      return [name, ns];
    }),
  );
}
