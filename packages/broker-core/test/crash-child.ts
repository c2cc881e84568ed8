// A broker on a file, in a process of its own that the test kills. Prints its address when it listens.
import { createBroker } from '../src/index.ts';

const path = process.argv[2];
if (path === undefined) throw new Error('the path of the metadata file is missing');
const broker = createBroker({ address: '127.0.0.1:0', storage: { kind: 'file', path } });
await broker.listen();
process.stdout.write(`${broker.address}\n`);
