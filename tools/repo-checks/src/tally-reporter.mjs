/** Prints one plain closing line: "N passed, N failed[, N skipped]". */
export default class TallyReporter {
  /**
   * @param {ReadonlyArray<import('vitest/node').TestModule>} modules
   * @param {ReadonlyArray<unknown>} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    let passed = 0;
    let failed = unhandledErrors.length;
    let skipped = 0;
    for (const module of modules) {
      if (module.state() === 'failed' && module.errors().length > 0) failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        else if (state === 'failed') failed += 1;
        else skipped += 1;
      }
    }
    const skips = skipped > 0 ? `, ${skipped} skipped` : '';
    // The default reporter still has its own summary to print, so this waits for the very end.
    process.on('exit', () => console.log(`${passed} passed, ${failed} failed${skips}`));
  }
}
