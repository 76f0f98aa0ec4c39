/** What options of several commands have in common: their values, how these are read, and what is wrong with them. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type ByteString, byteStringOfText } from "../../kernel/text.ts";
import type { Confirm } from "../../kernel/uploader.ts";
import { parseDuration } from "../config/duration.ts";

const REDO_MAX = 100; // each reads the directory and uploads once more: whoever loses so often is not alone
export const HOSTS_MAX = 1_000_000;

/** A command with what all have: entry points, keys, and objects instead of lines. */
export function addCommand(
  program: Command,
  name: string,
  about: string,
  examples: string,
  write: (text: string) => void,
): Command {
  return program
    .command(name)
    .description(about)
    .usage("[options] [--] ENTRY_POINT...")
    .helpOption("-h, --help", "print this help")
    .argument("[hosts...]", "servers to begin with: HOST, HOST:PORT, [IPv6] or [IPv6]:PORT")
    .addOption(listOption("-i, --identity <FILE>", "private key file; repeatable"))
    .addOption(
      listOption("-k, --key-from-env <VAR>", "environment variable with the text of a key; repeatable"),
    )
    .option("--json", "one JSON object a line on stdout, the last one of type result")
    .addHelpText("after", examples)
    .configureOutput({ writeOut: write, writeErr: () => {} })
    .exitOverride();
}

export function listOption(flags: string, about: string): Option {
  return new Option(flags, about)
    .default([] as readonly string[], "none")
    .argParser((value: string, before: readonly string[]) => [...before, value]);
}

export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Write a whole number from ${min} to ${max}.`);
  };
}

export function duration(text: string): number {
  const parsed = parseDuration(text);
  if (parsed.ok) return parsed.value;
  throw new InvalidArgumentError(parsed.detail);
}

/** How many servers must say themselves that they hold what was uploaded. */
export function confirmation(text: string): Confirm {
  if (text === "all") return text;
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= HOSTS_MAX) return value;
  throw new InvalidArgumentError(`Write all, or a whole number from 1 to ${HOSTS_MAX}.`);
}

/** When another change was faster. */
export function redoOption(): Option {
  return new Option(
    "--redo <N>",
    "when another change was faster, make this one again on top of it, up to so often",
  )
    .default(0)
    .argParser(integer(0, REDO_MAX));
}

/** Thousandths, because decisions are made with integers. */
export function fraction(text: string): number {
  const value = /^[0-9]*\.?[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= 1) return Math.round(value * 1_000);
  throw new InvalidArgumentError("Write a number from 0 to 1, such as 0.75.");
}

const FILE_PATH_BYTES_MAX = 3_072; // of the index format

/** An absolute path of names; null for anything else. */
export function parseFilePath(text: string): ByteString | null {
  const parts = text.split("/").slice(1);
  const names = parts.every((part) => part !== "" && part !== "." && part !== ".." && !part.includes("\0"));
  const path = byteStringOfText(text);
  return text.startsWith("/") && parts.length > 0 && names && path.length <= FILE_PATH_BYTES_MAX
    ? path
    : null;
}
