import { cli } from '../../tsup.base.ts';

export default cli();
