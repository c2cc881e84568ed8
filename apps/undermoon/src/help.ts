import { cac } from 'cac';

import { COMMON_FLAGS, usageOf, type Command, type Flag } from './command-line.ts';

/** Prints the help text of one command, or of the whole program. */
export function printHelp(
  commands: readonly Command[],
  chosen: Command | null,
  version: string,
): void {
  const cli = cac('undermoon');
  cli.globalCommand.versionNumber = version;
  cli.globalCommand.helpCallback = (sections) =>
    sections
      .filter(({ title }) => title?.startsWith('For more info') !== true)
      .map((section) => ({ ...section, body: section.body.replaceAll(/ +$/gm, '') }));
  // The flags of all commands are listed with each of them.
  for (const flag of COMMON_FLAGS) cli.option(rawName(flag), flag.doc);
  for (const command of commands) {
    const entry = cli.command(usageOf(command), command.summary);
    for (const flag of command.flags) entry.option(rawName(flag), flag.doc);
    for (const example of command.examples) entry.example(`  $ ${example}`);
    if (command === chosen) cli.matchedCommand = entry;
  }
  if (chosen === null) for (const { examples } of commands) cli.example(`  $ ${examples[0] ?? ''}`);
  cli.outputHelp();
}

function rawName({ name, short, value }: Flag): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` <${value}>`}`;
}
