// Checks the package in the current folder as it would be published: see check-package.ts.
import { register } from 'tsx/esm/api';

register();
const { checkPackage } = await import('./check-package.ts');
process.exitCode = checkPackage(process.cwd());
