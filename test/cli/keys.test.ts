/** Keys that are not in the open, with the tools of OpenSSH: an agent holds them, or a passphrase opens them. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { type Ended, endOf, Rig, until } from "../e2e/rig.ts";

let rig: Rig;
let agent: ChildProcess;
let socket: string;
let uploads = 0;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.67");
  rig.configure(1, [1]);
  await rig.start(1);
  mkdirSync(rig.path("source"));
  socket = rig.path("agent");
  agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
  await until("the agent listens", () => existsSync(socket));
});
afterAll(async () => {
  agent.kill();
  await rig.close();
});

/** The server's own key, in a file with a passphrase. */
function locked(name: string): string {
  const file = rig.path(name);
  writeFileSync(file, readFileSync(rig.keyFile), { mode: 0o600 });
  execFileSync("ssh-keygen", ["-q", "-p", "-P", "", "-N", "secret", "-f", file]);
  return file;
}

/** A program that answers, and counts how often it was asked. */
function asker(name: string, answer: string): string {
  const file = rig.path(name);
  writeFileSync(file, `#!/bin/sh\necho "$1" >> ${file}.asked\necho '${answer}'\n`);
  chmodSync(file, 0o755);
  return file;
}

/** A session of its own has no terminal. */
function sync(words: readonly string[], environment: Record<string, string>): Promise<Ended> {
  const file = `content ${++uploads}`;
  writeFileSync(rig.path("source", "file"), file);
  const upload = ["sync", ...words, "--replace", `${rig.path("source")}:/site/keys`, rig.addressOf(1)];
  return endOf(rig.spawnClient(upload, { detached: true, environment }));
}

const there = () => readFileSync(`${rig.rootOf(1)}/keys/file`, "utf8");

function inAgent(...words: readonly string[]): void {
  execFileSync("ssh-add", ["-q", ...words], {
    env: { ...process.env, SSH_AUTH_SOCK: socket },
    stdio: "ignore",
  });
}

test("what an agent holds signs: by default, and named by its public file alone", async () => {
  inAgent(rig.keyFile);
  const all = await sync([], { SSH_AUTH_SOCK: socket });
  expect(all, all.stderr).toMatchObject({ status: 0 });
  expect(there()).toBe("content 1");
  const half = rig.path("half");
  writeFileSync(`${half}.pub`, execFileSync("ssh-keygen", ["-y", "-f", rig.keyFile]));
  for (const name of [half, `${half}.pub`]) {
    const one = await sync(["-i", name], { SSH_AUTH_SOCK: socket });
    expect(one, one.stderr).toMatchObject({ status: 0 });
  }
  const file = locked("in-agent");
  const held = await sync(["-i", file], { SSH_AUTH_SOCK: socket });
  expect(held, held.stderr).toMatchObject({ status: 0 });
  expect(there()).toBe(`content ${uploads}`);
  inAgent("-D");
  const gone = await sync(["-i", half], { SSH_AUTH_SOCK: socket });
  expect(gone.status).toBe(2);
  expect(gone.stderr).toContain(`${half}: no such file`);
});

test("a passphrase is asked of SSH_ASKPASS where there is no terminal; a wrong one three times", async () => {
  const file = locked("locked");
  const right = asker("right", "secret");
  const opened = await sync(["-i", file], { SSH_ASKPASS: right });
  expect(opened, opened.stderr).toMatchObject({ status: 0 });
  expect(readFileSync(`${right}.asked`, "utf8")).toBe(`Enter passphrase for ${file}: \n`);
  expect(opened.stdout + opened.stderr).not.toContain("secret");
  const wrong = asker("wrong", "other");
  const refused = await sync(["-i", file], { SSH_ASKPASS: wrong });
  expect(refused.status).toBe(2);
  expect(refused.stderr).toContain(`${file}: the passphrase was wrong 3 times`);
  expect(readFileSync(`${wrong}.asked`, "utf8").trimEnd().split("\n")).toHaveLength(3);
  const nobody = await sync(["-i", file], { SSH_ASKPASS: right, SSH_ASKPASS_REQUIRE: "never" });
  expect(nobody.status).toBe(2);
  expect(nobody.stderr).toContain(`${file}: protected by a passphrase`);
});

test("a variable with a locked key is opened too, and an RSA key in an agent signs nothing", async () => {
  const text = readFileSync(locked("for-variable"), "utf8");
  const opened = await sync([], { CIRUELA_KEY: text, SSH_ASKPASS: asker("for-key", "secret") });
  expect(opened, opened.stderr).toMatchObject({ status: 0 });
  const rsa = rig.path("rsa");
  execFileSync("ssh-keygen", ["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", rsa]);
  inAgent(rsa);
  rmSync(rsa);
  const refused = await sync(["-i", rsa], { SSH_AUTH_SOCK: socket });
  expect(refused.status).toBe(2);
  expect(refused.stderr).toContain(`${rsa}: no such file`);
});

test("an agent that will not sign is told as that, not as a bug", async () => {
  inAgent("-D");
  inAgent("-c", rig.keyFile); // asks somebody, and nobody is there
  const refused = await sync([], { SSH_AUTH_SOCK: socket });
  expect(refused.status).toBe(2);
  expect(refused.stderr).toContain("the agent did not sign");
});
