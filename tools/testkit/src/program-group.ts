import { type ProgramOptions, type RunningProgram, startProgram } from './program.ts';

/** Runs of one program, which end together. */
export class ProgramGroup {
  readonly #file: string;
  readonly #running: RunningProgram[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  start(argv: readonly string[], env: NonNullable<ProgramOptions['env']> = {}): RunningProgram {
    const program = startProgram(this.#file, argv, { env });
    this.#running.push(program);
    return program;
  }

  /** Ends those that still run at once. More can be started afterwards. */
  async end(): Promise<void> {
    for (const program of this.#running.splice(0)) await program[Symbol.asyncDispose]();
  }
}
