/** Where the modules of a built program begin: for each of its files, in the order of their lines. */
export type BuiltModules = ReadonlyMap<
  string,
  readonly { readonly line: number; readonly module: string }[]
>;

// The bundler leaves such a line above each module.
const MARKER = /^\/\/ (\S+\/([\w.-]+)\.[mc]?[jt]s)$/;

/** Finds the modules in files that esbuild made, named as their source files are, without their ending. */
export function findModules(sources: ReadonlyMap<string, string>): BuiltModules {
  return new Map(
    [...sources].map(([file, source]) => [
      file,
      source.split('\n').flatMap((text, index) => {
        const module = MARKER.exec(text)?.[2];
        return module === undefined ? [] : [{ line: index + 1, module }];
      }),
    ]),
  );
}

/** The module that a line of a built file belongs to; null above the first, and in other files. */
export function moduleOfLine(modules: BuiltModules, file: string, line: number): string | null {
  return modules.get(file)?.findLast((one) => one.line <= line)?.module ?? null;
}
