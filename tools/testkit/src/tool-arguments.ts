const USAGE_EXIT_CODE = 2;

/**
 * Parses the command line of a tool. `--help` prints the usage and ends the process with 0; what `parse` (`parseArgs`
 * of Node.js) refuses ends it with 2, the reason and the usage.
 */
export function parseToolArguments<T>(usage: string, parse: (args: string[]) => T): T {
  // `pnpm TOOL -- --seed 1` leaves the two dashes in.
  const args = process.argv.slice(2).filter((word) => word !== '--');
  if (args.includes('--help') || args.includes('-h')) {
    console.info(usage);
    process.exit(0);
  }
  try {
    return parse(args);
  } catch (error) {
    if (!(error instanceof TypeError) || !isRefusal(error)) throw error;
    // What follows the first sentence is about words that begin with a dash.
    return refuseArguments(usage, error.message.split('. ')[0] ?? error.message);
  }
}

/** Ends the process with 2, the reason and the usage. */
export function refuseArguments(usage: string, reason: string): never {
  console.error(`${reason}\n${usage}`);
  process.exit(USAGE_EXIT_CODE);
}

/** What a number on the command line may be. */
export interface NumberBounds {
  readonly isWhole: boolean;
  /** The least whole number; other numbers have to be above it. */
  readonly min: number;
}

/** The value of an option as a number; anything else ends the process as `refuseArguments` does. */
export function numberArgument(
  usage: string,
  name: string,
  text: string,
  { isWhole, min }: NumberBounds,
): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (isWhole ? Number.isSafeInteger(value) && value >= min : value > min) return value;
  const expected = isWhole ? `a whole number, at least ${min}` : `a number above ${min}`;
  return refuseArguments(usage, `--${name}: expected ${expected}, got ${JSON.stringify(text)}`);
}

function isRefusal(error: TypeError): boolean {
  return 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_');
}
