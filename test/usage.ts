/** What a command of the repository says to whoever has written it wrongly. */
export const EXIT_USAGE = 64;

/** @param command  as `npm run` knows it */
export function wrongUsage(command: string, what: string): number {
  process.stderr.write(`${command}: ${what}\nnpm run ${command} -- --help tells more\n`);
  return EXIT_USAGE;
}

/** For a command that takes no argument: its status when there is one or `--help`, else null. */
export function withoutArguments(command: string, about: string): number | null {
  const [first] = process.argv.slice(2);
  if (first === undefined) return null;
  if (first !== "--help") return wrongUsage(command, `${first}: it takes no argument`);
  process.stdout.write(`Usage: npm run ${command}\n\n${about}\n`);
  return 0;
}
