/** Files that an operator writes: directory files in YAML, and keys. */
import { readFileSync } from "node:fs";
import { parseDirectoryFile } from "../../adapters/config/directory-file.ts";
import { printProblem, type Problem } from "../../adapters/config/problem.ts";
import { parsePrivateKeys } from "../../adapters/keys/private.ts";
import { parsePublicKeys, printPublicKey } from "../../adapters/keys/public.ts";
import type { Target } from "./engine.ts";
import { hold, roughly } from "./laws.ts";
import { mutateLines } from "./mutate-lines.ts";

/** What differs between messages of one kind. */
const QUOTED = /"(?:\\.|[^"\\])*"(\.\.\.)?|\d+/g;
const KIND_LENGTH = 20;
const GOOD = "directory: /srv/a\nappend-only: true\nnum-levels: 1\n";

function kindsOf(problems: readonly Problem[]): string {
  const kinds = problems.slice(0, 1).map(({ what }) => what.replaceAll(QUOTED, "").slice(0, KIND_LENGTH));
  return [...new Set(kinds)].join("; ");
}

function judgeProblems(problems: readonly Problem[]): void {
  for (const problem of problems) {
    hold(problem.line >= 1 && problem.col >= 1, "a problem has a place");
    const printed = printProblem(problem);
    hold(/^f:\d+:\d+: .+: .+$/s.test(printed), "a problem says what and how to mend it");
    // oxlint-disable-next-line no-control-regex
    hold(!/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(printed), "a message does nothing to a terminal");
    hold(printed.length < 600, "a message is short");
  }
}

export const yaml: Target = {
  name: "yaml",
  about: "parseDirectoryFile: a directory within its bounds, or problems with a place and advice",
  files: ["adapters/config/directory-file.ts", "adapters/config/duration.ts", "adapters/config/size.ts"],
  msPerMiB: 16_000, // read at the start and on reload, from a file of at most 64 KiB
  seeds: () =>
    [
      GOOD,
      `${GOOD}upload-keys: &who [one, "two"]\ndownload_keys: *who\n_note: {any: [thing]}\n`,
      `# c\n${GOOD}auto-clean: true\nkeep-list-file: /k\nkeep-min-directories: 1\nkeep_max_directories: 1_k\nkeep-recent: 1day 12h\n`,
      `${GOOD}upload-keys:\n- a\n- b\n`,
      `---\n${GOOD}...\n---\na: b\n`,
    ].map((text) => Buffer.from(text)),
  mutate: mutateLines(
    ["directory:", "append-only:", "num-levels:", "upload-keys:", "download-keys:", "auto-clean:"].concat(
      ["keep-list-file:", "keep-min-directories:", "keep-max-directories:", "keep-recent:", "num_levels:"],
      [
        "true",
        "false",
        "1",
        "0",
        "17",
        "0x2",
        "4Gi",
        "2 days",
        "1h 30min",
        "[",
        "]",
        "{",
        "}",
        "- ",
        "? ",
        ": ",
      ],
      [
        "&a ",
        "*a",
        "!!str ",
        "!x ",
        "|",
        ">",
        "|-",
        "'",
        '"',
        "---",
        "...",
        "%YAML 1.2",
        "# ",
        "<<: *a",
        "\t",
        "\r",
      ],
      ["\u0000", "\u00ff", "\u00c3\u00a9", "\u00ef\u00bb\u00bf", '"\\u', "_note: ", ",", "[[[["],
    ),
  ),
  run(input) {
    const parsed = parseDirectoryFile("f", "a", input);
    if (!parsed.ok) {
      hold(parsed.problems.length > 0 && parsed.problems.length <= 100, "a refusal says why, not too often");
      judgeProblems(parsed.problems);
      return kindsOf(parsed.problems);
    }
    const { directory } = parsed;
    hold(directory.numLevels >= 1 && directory.numLevels <= 16, "levels have bounds");
    hold(directory.keepMin >= 1 && directory.keepMin <= directory.keepMax, "what is kept has bounds");
    hold(directory.root.startsWith("/") && !directory.root.includes("\0"), "a directory is a path");
    hold(Number.isSafeInteger(directory.keepRecentMs) && directory.keepRecentMs >= 0, "a time is a number");
    return `ok ${roughly(directory.uploadKeys.length)} ${directory.autoClean} ${directory.keepListFile !== null}`;
  },
};

const keyFile = (name: string) => readFileSync(new URL(`../vectors/keys/${name}`, import.meta.url));

export const keys: Target = {
  name: "keys",
  about:
    "parsePublicKeys: keys that print as they were read, and a place for each wrong line; parsePrivateKeys: keys or advice",
  files: ["adapters/keys/"],
  msPerMiB: 1_000,
  seeds: () => [
    keyFile("test1_ed25519"),
    keyFile("test2_ed25519.pub"),
    Buffer.concat([keyFile("test1_ed25519"), keyFile("test2_ed25519")]),
    Buffer.concat([keyFile("test1_ed25519.pub"), keyFile("test2_ed25519.pub")]),
    Buffer.from(`command="say \\"x\\"",no-pty ${keyFile("test1_ed25519.pub").toString()}`),
  ],
  mutate: mutateLines(
    [
      "ssh-ed25519",
      "ssh-rsa",
      "ecdsa-sha2-nistp256",
      "sk-ssh-ed25519@openssh.com",
      "# comment",
      'command="x"',
    ].concat(
      [
        "AAAA",
        "AAAAC3NzaC1lZDI1NTE5AAAAI",
        "AAAAC3NzaC1lZDI1NTE5",
        "=",
        "==",
        '"',
        '\\"',
        "\r",
        "\t",
        "\u0000",
      ],
      [
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----",
      ],
      [
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "Proc-Type: 4,ENCRYPTED",
        "-----BEGIN",
        "-----",
        "\\n",
      ],
    ),
  ),
  run(input) {
    const found = parsePublicKeys("f", input);
    judgeProblems([...found.problems, ...found.warnings]);
    hold(new Set(found.keys).size === found.keys.length, "each key counts once");
    for (const key of found.keys) {
      const again = parsePublicKeys("f", Buffer.from(printPublicKey(key)));
      hold(again.keys.length === 1 && again.keys[0] === key, "a key is read as it is printed");
    }
    const own = parsePrivateKeys(Buffer.from(input).toString("utf8"), "f");
    const advice = typeof own === "string" ? own : "";
    hold(typeof own !== "string" || (own.length > 0 && own.length < 600), "advice is short");
    for (const key of typeof own === "string" ? [] : own)
      hold(key.sign(new Uint8Array(1)).length === 64, "a key signs");
    const kind = advice.replace(QUOTED, "").slice(0, KIND_LENGTH);
    const ok = found.keys.length > 0 || typeof own !== "string" ? "ok" : "";
    return `${ok} ${roughly(found.keys.length)} ${kindsOf(found.problems)} ${kind}`;
  },
};
