/**
 * Asks for a passphrase as OpenSSH does: at the terminal without echo, or with the program of SSH_ASKPASS where there
 * is no terminal. SSH_ASKPASS_REQUIRE is obeyed: `prefer` and `force` take the program, `never` the terminal alone.
 *
 * Source: ssh(1), ENVIRONMENT.
 */
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";

type Environment = Readonly<Record<string, string | undefined>>;

const TERMINAL = "/dev/tty";
/** A shell reads, so that Ctrl-C ends the question; echo comes back whatever happens. */
const QUESTION = `saved=$(stty -g) || exit 1
trap 'stty "$saved"; echo >&2; exit 130' INT TERM HUP
printf %s "$1" >&2
stty -echo
IFS= read -r answer; status=$?
stty "$saved"; echo >&2
[ $status = 0 ] || exit 1
printf %s "$answer"`;

/** Null: there is nobody to ask, or nobody answered. */
export function askPassphrase(where: string, again: boolean, environment: Environment): string | null {
  const prompt = `${again ? "Bad passphrase, try again" : "Enter passphrase"} for ${where}: `;
  const program = environment["SSH_ASKPASS"] ?? "";
  const rule = environment["SSH_ASKPASS_REQUIRE"] ?? "";
  const preferred = rule === "prefer" || rule === "force";
  if (preferred && program !== "") return answerOf(program, prompt);
  if (rule === "force") return null;
  const terminal = openTerminal();
  if (terminal === null) return program === "" || rule === "never" ? null : answerOf(program, prompt);
  try {
    const shell = spawnSync("/bin/sh", ["-c", QUESTION, "sh", prompt], {
      stdio: [terminal, "pipe", terminal],
      encoding: "utf8",
    });
    return shell.status === 0 ? shell.stdout : null;
  } finally {
    closeSync(terminal);
  }
}

function answerOf(program: string, prompt: string): string | null {
  const { status, stdout } = spawnSync(program, [prompt], {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
  });
  return status === 0 ? stdout.replace(/\r?\n$/, "") : null;
}

/** Null where the process has none. */
function openTerminal(): number | null {
  try {
    return openSync(TERMINAL, "r+");
  } catch {
    return null;
  }
}
