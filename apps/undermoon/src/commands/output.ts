/** What is said where clusters would be listed. */
export const NO_CLUSTERS = 'no clusters yet: undermoon cluster create NAME --nodes 4';

/** What is said where proxies would be listed. */
export const NO_PROXIES =
  'no proxies yet: undermoon proxy add HOST:PORT --redis HOST:PORT,HOST:PORT';

/** Prints one JSON document on stdout. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Prints lines on stdout. */
export function printText(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Whether stdout shows colors and the person wants them. */
export function hasColor(env: Readonly<Record<string, string | undefined>>): boolean {
  return process.stdout.isTTY && env['NO_COLOR'] === undefined && env['TERM'] !== 'dumb';
}
