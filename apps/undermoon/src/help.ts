import { cac } from 'cac';

import { COMMON_FLAGS, usageOf, type Command, type Flag, type Topic } from './command-line.ts';

type Program = ReturnType<typeof cac>;

/** Prints the help text of one command, of a group of commands, or of the whole program. */
export function printHelp(commands: readonly Command[], topic: Topic, version: string): void {
  const cli = cac('undermoon');
  cli.globalCommand.versionNumber = version;
  cli.globalCommand.helpCallback = (sections) =>
    [
      ...sections.slice(0, 1),
      ...aboutSections(topic),
      ...sections.slice(1).filter(({ title }) => title?.startsWith('For more info') !== true),
    ].map((section) => ({ ...section, body: section.body.replaceAll(/ +$/gm, '') }));
  if (topic === null) describeList(cli, commands, null);
  else if (typeof topic === 'string') describeList(cli, commandsOf(topic, commands), topic);
  else describeCommand(cli, topic);
  cli.outputHelp();
}

/** The commands whose first word is `group`. */
function commandsOf(group: string, commands: readonly Command[]): readonly Command[] {
  return commands.filter(({ name }) => name.startsWith(`${group} `));
}

function aboutSections(topic: Topic): { body: string }[] {
  if (topic === null || typeof topic === 'string') return [];
  const { summary, details } = topic;
  return [{ body: details === undefined ? summary : `${summary}\n${details}` }];
}

function describeList(cli: Program, commands: readonly Command[], group: string | null): void {
  if (group !== null) cli.usage(`${group} <command> [options]`);
  for (const command of commands) cli.command(usageOf(command), command.summary);
  for (const flag of sharedFlags(commands)) cli.option(rawName(flag), flag.doc);
  for (const flag of COMMON_FLAGS) {
    // The version is asked of the program.
    if (group === null || flag.name !== 'version') cli.option(rawName(flag), flag.doc);
  }
  for (const { examples } of commands) cli.example(`  $ ${examples[0] ?? ''}`);
}

// Those that only some commands have are shown with these.
function sharedFlags(commands: readonly Command[]): readonly Flag[] {
  const [first, ...others] = commands;
  return (first?.flags ?? []).filter((flag) => others.every(({ flags }) => flags.includes(flag)));
}

function describeCommand(cli: Program, command: Command): void {
  // The flags of all commands are listed with each of them.
  for (const flag of COMMON_FLAGS) cli.option(rawName(flag), flag.doc);
  const entry = cli.command(usageOf(command), command.summary);
  for (const flag of command.flags) entry.option(rawName(flag), flag.doc);
  for (const example of command.examples) entry.example(`  $ ${example}`);
  cli.matchedCommand = entry;
}

function rawName({ name, short, value }: Flag): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` <${value}>`}`;
}
