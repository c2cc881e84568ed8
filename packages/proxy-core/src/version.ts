import manifest from '../package.json' with { type: 'json' };

/** The version of this package, as INFO shows it. */
export const version: string = manifest.version;
