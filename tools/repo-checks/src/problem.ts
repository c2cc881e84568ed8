/** One finding of a check. `path` is relative to the repository (or to the tarball), `line` counts from 1. */
export interface Problem {
  readonly path: string;
  readonly line: number | null;
  readonly message: string;
}

export function problem(path: string, message: string, line: number | null = null): Problem {
  return { path, line, message };
}

export function renderProblem({ path, line, message }: Problem): string {
  return `${path}${line === null ? '' : `:${line}`}: ${message}`;
}
