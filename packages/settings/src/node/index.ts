export { packageVersion } from './package-version.ts';
export { readTextFile } from './read-text-file.ts';
export { runProgram } from './run-program.ts';
export type { ProgramParts, StartedServer } from './run-program.ts';
export { EXIT_CODES, runServer } from './run-server.ts';
export type { RunnableServer, RunOptions } from './run-server.ts';
