/** The scripts of `ciruela completion` in the shells themselves, as far as they are here; bash is on every machine. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeClient, SHELLS, type Shell } from "../../adapters/cli/command-line.ts";
import { completionOf } from "../../adapters/cli/completion/completion.ts";
import { build } from "../adapters/built.ts";
import { CLIENT } from "../e2e/rig.ts";

const folders = (process.env["PATH"] ?? "").split(delimiter);
const here = SHELLS.filter((shell) => folders.some((folder) => existsSync(join(folder, shell))));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ciruela-completion-"));
  for (const shell of SHELLS) writeFileSync(join(folder, shell), completionOf(shell, "1.2.3"));
  mkdirSync(join(folder, "work", "a folder"), { recursive: true });
  writeFileSync(join(folder, "work", "a key"), "");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the shell offers for the last word. */
const ask: Readonly<Record<Shell, (line: string) => readonly string[]>> = {
  /** The words as readline hands them over, which breaks them at "=" and ":" too. */
  bash(line) {
    const words = line.split(/(?<=[=:])|(?=[=:])| /);
    const script = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
      "$(complete -p "$1" | sed 's/.*-F \\([^ ]*\\) .*/\\1/')"; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return linesOf("bash", ["--norc", "-c", script, "bash", join(folder, "bash"), ...words]);
  },
  fish(line) {
    const script = `source $argv[1]; complete -C $argv[2]`;
    const lines = linesOf("fish", ["--no-config", "-c", script, join(folder, "fish"), line]);
    return lines.map((each) => each.replace(/\t.*/, ""));
  },
  /** At a terminal of its own, with a key that notes what is offered. */
  zsh(line) {
    const script = `
      zmodload zsh/zpty
      zpty shell zsh -f -i
      zpty -w shell "PS1= RPS1=; autoload -Uz compinit; compinit -u -D; source $1"
      zpty -w shell "note() { zle -R; local -a found; compadd() { builtin compadd -O found \\"\\$@\\"; print -rl -- \\$found >> $3 }; zle complete-word; print READY; exit }"
      zpty -w shell "zle -N note; bindkey '^X' note; print RE''ADY"
      zpty -r shell seen '*READY*'
      zpty -w -n shell "$2"$'\\x18'
      while zpty -r shell seen; do :; done`;
    const out = join(folder, "offered");
    rmSync(out, { force: true });
    linesOf("zsh", ["-f", "-c", script, "zsh", join(folder, "zsh"), line, out]);
    const lines = existsSync(out) ? readFileSync(out, "utf8").split("\n") : [];
    return [...new Set(lines.filter((each) => each !== ""))]; // descriptions are laid out apart
  },
};

function linesOf(program: string, args: readonly string[]): readonly string[] {
  const { stdout, stderr, status } = spawnSync(program, args, {
    cwd: join(folder, "work"),
    encoding: "utf8",
    env: { PATH: process.env["PATH"], HOME: folder, TERM: "dumb", CIRUELA_NAME_FOR_TEST: "x" },
    timeout: 20_000,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.split("\n").filter((line) => line !== "");
}

test("bash is here, and may be more", () => {
  expect(here).toContain("bash");
});

test.each(here)("%s offers commands, options and what their values are", (shell) => {
  const offered = ask[shell];
  const commands = describeClient("1.2.3", () => {}).commands.map((each) => each.name());
  expect(offered("ciruela ")).toEqual(expect.arrayContaining(commands));
  expect(offered("ciruela --port 80 pat").map((each) => each.trim())).toEqual(["patch"]);
  expect(offered("ciruela sync --early-f").map((each) => each.trim())).toEqual(["--early-fraction"]);
  expect(offered("ciruela completion z").map((each) => each.trim())).toEqual(["zsh"]);
  expect(offered("ciruela sync --key-from-env CIRUELA_NAME_").map((each) => each.trim())).toEqual([
    "CIRUELA_NAME_FOR_TEST",
  ]);
  expect(offered("ciruela-server --check").map((each) => each.trim())).toEqual(["--check-config"]);
});

test("in bash, files are offered for keys, directories alone for sources, and nothing for names of servers' own", () => {
  const { bash } = ask;
  expect(bash("ciruela sync -i a")).toEqual(["a folder", "a key"].toSorted());
  expect(bash("ciruela sync --identity=a")).toEqual(["a folder", "a key"]);
  expect(bash("ciruela sync --replace a")).toEqual(["a folder"]);
  expect(bash("ciruela sync --replace a:/si")).toEqual([]);
  expect(bash("ciruela ls -d /")).toEqual([]);
  expect(bash("ciruela sync -- --e")).toEqual([]);
});

test("the command prints it, and refuses other shells", async () => {
  await build();
  const client = (shell: string) =>
    spawnSync(process.execPath, [CLIENT, "completion", shell], { encoding: "utf8" });
  expect(client("zsh")).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^#compdef ciruela ciruela-server\n/),
  });
  expect(client("tcsh")).toMatchObject({ status: 64, stderr: expect.stringContaining("bash, zsh, fish") });
});
