/** Where the modules of a built file begin, in the order of their lines. */
export type BuiltModules = readonly { readonly line: number; readonly module: string }[];

// The bundler leaves such a line above each module.
const MARKER = /^\/\/ (\S+\/([\w.-]+)\.[mc]?[jt]s)$/;

/** Finds the modules of a file that esbuild made, named as their source files are, without their ending. */
export function findModules(source: string): BuiltModules {
  return source.split('\n').flatMap((text, index) => {
    const module = MARKER.exec(text)?.[2];
    return module === undefined ? [] : [{ line: index + 1, module }];
  });
}

/** The module that a line of the built file belongs to; null above the first. */
export function moduleOfLine(modules: BuiltModules, line: number): string | null {
  return modules.findLast((one) => one.line <= line)?.module ?? null;
}
