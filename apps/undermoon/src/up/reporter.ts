import ora, { type Ora } from 'ora';

import type { Snapshot } from '../sight/snapshot.ts';
import { statusTable, type TableStyle } from '../sight/status-table.ts';
import { isTrouble, textOf, type UpEvent } from './events.ts';
import { LiveScreen } from './live-screen.ts';
import { readyText, type ReadyInfo } from './ready-info.ts';

/** Tells people or programs how it goes. */
export interface Reporter {
  /** A step of the start. */
  readonly progress: (text: string) => void;
  /** Something worth knowing that is no step. */
  readonly note: (text: string) => void;
  readonly ready: (info: ReadyInfo, members: readonly string[]) => void;
  readonly event: (event: UpEvent) => void;
  readonly look: (snapshot: Snapshot | null) => void;
  /** Ends what is drawn in place. */
  readonly close: () => void;
}

/** How much and in which form. */
export interface ReporterOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly hasColor: boolean;
  /** How this program is called, for what people may try next. */
  readonly self: string;
}

/** JSON lines, plain lines, or a status that is drawn in place when stdout is a terminal. */
export function createReporter(options: ReporterOptions): Reporter {
  if (options.json) return jsonReporter(options);
  return options.stdout.isTTY && !options.quiet
    ? terminalReporter(options)
    : plainReporter(options);
}

function jsonReporter({ stdout, stderr, quiet }: ReporterOptions): Reporter {
  const tell = (text: string): void => {
    if (!quiet) stderr.write(`${text}\n`);
  };
  return {
    progress: tell,
    note: tell,
    ready: (info) => stdout.write(`${JSON.stringify(info)}\n`),
    event: (event) => {
      if (quiet && !isTrouble(event)) return;
      stdout.write(`${JSON.stringify({ ...event, time: new Date().toISOString() })}\n`);
    },
    look: () => undefined,
    close: () => undefined,
  };
}

function plainReporter({ stdout, stderr, quiet, self }: ReporterOptions): Reporter {
  const tell = (text: string): void => {
    if (!quiet) stdout.write(`${text}\n`);
  };
  return {
    progress: tell,
    note: tell,
    ready: (info, members) => {
      const line = `ready: cluster ${info.cluster} at ${members.join(' ')}, broker ${info.broker}`;
      stdout.write(`${quiet ? line : `\n${readyText(info, members, self)}\n`}\n`);
    },
    event: (event) => {
      if (!quiet) stdout.write(`${eventLine(event)}\n`);
      else if (isTrouble(event)) stderr.write(`${eventLine(event)}\n`);
    },
    look: () => undefined,
    close: () => undefined,
  };
}

function terminalReporter({ stdout, hasColor, self }: ReporterOptions): Reporter {
  let spinner: Ora | null = null;
  const screen = new LiveScreen(stdout);
  const endSpinner = (): void => {
    spinner?.stop();
    spinner = null;
  };
  return {
    progress: (text) => {
      // Without discarding, the spinner would swallow Ctrl-C for itself.
      spinner ??= ora({ stream: stdout, discardStdin: false });
      spinner.start(text);
    },
    note: (text) => {
      endSpinner();
      stdout.write(`${text}\n`);
    },
    ready: (info, members) => {
      endSpinner();
      stdout.write(`${readyText(info, members, self)}\n\n`);
    },
    event: (event) => screen.printAbove(eventLine(event)),
    look: (snapshot) => screen.draw(statusLines(snapshot, { hasColor })),
    close: endSpinner,
  };
}

function statusLines(snapshot: Snapshot | null, style: TableStyle): string[] {
  if (snapshot === null) return ['', 'the broker does not answer'];
  return ['', ...statusTable(snapshot, style).split('\n'), '', `epoch ${snapshot.epoch}`];
}

function eventLine(event: UpEvent): string {
  return `${new Date().toTimeString().slice(0, 8)}  ${textOf(event)}`;
}
