import { setTimeout as wait } from 'node:timers/promises';
import { encodeCommand } from '@undermoon/resp';
import type { Cores } from '../machine.ts';
import { CONTROL_DOCUMENTS, setClusterFrame, type ControlDocument } from './control-documents.ts';
import { CountingClient } from './counting-client.ts';
import { WatchedProxy, type Stops } from './watched-proxy.ts';

/** How long clients only ping, first to let the process come to rest after its start. */
const START_MS = 1500;
const IDLE_MS = 300;
const CROWD_DOCUMENT = 1;
const PING = encodeCommand(['PING']);

/** One measurement. */
export interface ControlSample {
  readonly document: string;
  readonly step: string;
  readonly stops: Stops;
}

/** What is asked after each document. */
const QUESTIONS: readonly (readonly [step: string, words: readonly string[]])[] = [
  ['CLUSTER SLOTS', ['CLUSTER', 'SLOTS']],
  ['CLUSTER SHARDS', ['CLUSTER', 'SHARDS']],
  ['CLUSTER NODES', ['CLUSTER', 'NODES']],
  ['INFO', ['INFO']],
  ['UMCTL INFO', ['UMCTL', 'INFO']],
  ['COMMAND', ['COMMAND']],
];

/** Sends every document to a new process of a program, and asks for what follows from it. */
export async function measureControl(
  program: string,
  plan: { readonly cores: Cores; readonly crowd: number },
): Promise<readonly ControlSample[]> {
  const proxy = await WatchedProxy.start(program, plan.cores);
  const samples: ControlSample[] = [];
  try {
    const client = await CountingClient.connect(proxy.port);
    const add = async (document: string, step: string, work: () => Promise<unknown>) => {
      samples.push({ document, step, stops: await proxy.during(work) });
    };
    await proxy.during(() => wait(START_MS));
    await add('', 'nothing', () => wait(IDLE_MS));
    for (const [index, document] of CONTROL_DOCUMENTS.entries()) {
      const frame = setClusterFrame(document, index + 1);
      await add(document.name, 'SETCLUSTER', () => client.ask(frame));
      for (const [step, words] of QUESTIONS) {
        await add(document.name, step, () => client.ask(encodeCommand(words)));
      }
    }
    samples.push(...(await measureCrowd(proxy, plan.crowd)));
    client.close();
    return samples;
  } finally {
    await proxy.stop();
  }
}

/** Many clients ask for the slots right after new metadata; before, they only ping, which shows what that takes. */
async function measureCrowd(proxy: WatchedProxy, count: number): Promise<readonly ControlSample[]> {
  const document: ControlDocument | undefined = CONTROL_DOCUMENTS[CROWD_DOCUMENT];
  if (document === undefined) throw new Error('there is no such document');
  const slots = encodeCommand(['CLUSTER', 'SLOTS']);
  const clients: CountingClient[] = [];
  for (let i = 0; i < count; i += 1) clients.push(await CountingClient.connect(proxy.port));
  const [first, ...others] = clients;
  if (first === undefined) throw new Error('a crowd has at least one client');
  const epoch = CONTROL_DOCUMENTS.length + 1;
  await first.ask(setClusterFrame(document, epoch));
  const byteCount = await first.ask(slots);
  const frame = setClusterFrame(document, epoch + 1);
  const pong = await first.ask(PING);
  const pings = await proxy.during(() =>
    Promise.all(others.map((client) => client.askFor(pong, PING))),
  );
  const stops = await proxy.during(async () => {
    await first.ask(frame);
    await Promise.all(others.map((client) => client.askFor(byteCount, slots)));
  });
  for (const client of clients) client.close();
  return [
    { document: document.name, step: `PING of ${count - 1} clients`, stops: pings },
    { document: document.name, step: `CLUSTER SLOTS of ${count - 1} clients`, stops },
  ];
}
