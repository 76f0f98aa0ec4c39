/**
 * The example of docs/debian.md, run for real: a repository of many packages on three servers gets one new package and
 * new index files by `ciruela patch`. What goes over the wire is counted by a relay in front of the first server.
 *
 *   npx tsx bench/debian.ts [PACKAGES] [MEAN_BYTES]
 */
import { spawn } from "node:child_process";
import { createHash, randomFillSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { build } from "../test/adapters/built.ts";
import { CLIENT, endOf, Rig, until } from "../test/e2e/rig.ts";

const [packages = 50_000, meanBytes = 24_000] = process.argv.slice(2).map(Number);
const PACKAGES_FILE = "dists/stable/main/binary-amd64/Packages";
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Sizes as archives have them: most small, a few many times the mean. */
function sizeOf(at: number): number {
  const uniform = ((at * 2_654_435_761) % 4_294_967_296) / 4_294_967_296;
  return Math.max(600, Math.round(-Math.log(1 - uniform) * meanBytes));
}

const bytes = Buffer.alloc(64 * meanBytes);
function addPackage(folder: string, name: string, size: number): string {
  const content = randomFillSync(bytes.subarray(0, Math.min(size, bytes.length)));
  const path = `pool/main/${name[0]}/${name}/${name}_1.0_amd64.deb`;
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), content);
  const digest = createHash("sha256").update(content).digest("hex");
  return `Package: ${name}\nVersion: 1.0\nFilename: ${path}\nSize: ${content.length}\nSHA256: ${digest}\n\n`;
}

function addRelease(folder: string, list: string): void {
  mkdirSync(join(folder, PACKAGES_FILE, ".."), { recursive: true });
  writeFileSync(join(folder, PACKAGES_FILE), list);
  const digest = createHash("sha256").update(list).digest("hex");
  writeFileSync(
    join(folder, "dists/stable/Release"),
    `Suite: stable\nSHA256:\n ${digest} ${PACKAGES_FILE}\n`,
  );
}

await build();
const rig = await Rig.create("127.0.31");
const counted = { sent: 0, received: 0 };
const relay = createServer((client) => {
  const server = connect(rig.port, rig.addressOf(1));
  client.on("data", (part) => (counted.sent += part.length)).pipe(server);
  server.on("data", (part) => (counted.received += part.length)).pipe(client);
  for (const each of [client, server]) each.on("error", () => client.destroy());
});
try {
  const source = rig.path("repository");
  let list = "";
  let total = 0;
  for (let at = 0; at < packages; at++) {
    const size = sizeOf(at);
    total += size;
    list += addPackage(source, `${String.fromCharCode(97 + (at % 26))}package-${at}`, size);
  }
  addRelease(source, list);
  total += list.length;
  say(`repository: ${packages} packages, ${total} bytes, Packages ${list.length} bytes`);
  await rig.startAll(3);
  const from = performance.now();
  const sent = await rig.sync("--replace", `${source}:/site/debian`, rig.addressOf(1));
  if (sent.status !== 0) throw new Error(sent.stderr);
  say(`sync, the first time, three servers on this machine: ${Math.round(performance.now() - from)} ms`);

  await new Promise<void>((done) => relay.listen(rig.port, rig.addressOf(9), done));
  const update = rig.path("update");
  const entry = addPackage(update, "new-package", meanBytes * 4);
  addRelease(update, list + entry);
  const start = performance.now();
  const words = ["--port", String(rig.port), "patch", "-i", rig.keyFile, "-d", "/site/debian", "--json"];
  const child = spawn(process.execPath, [
    CLIENT,
    ...words,
    ...["pool", "dists"].flatMap((each) => ["--put", `${join(update, each)}:/${each}`]),
    rig.addressOf(9),
  ]);
  const ended = await endOf(child);
  const ms = Math.round(performance.now() - start);
  const result = JSON.parse(ended.stdout.trimEnd().split("\n").at(-1) ?? "{}") as {
    status: number;
    bytes: number;
  };
  if (ended.status !== 0) throw new Error(ended.stdout);
  const deb = "pool/main/n/new-package/new-package_1.0_amd64.deb";
  await until("all servers have it", () =>
    [1, 2, 3].every((each) => existsSync(join(rig.rootOf(each), "debian", deb))),
  );
  const right = [1, 2, 3].every((each) =>
    [deb, PACKAGES_FILE].every((file) =>
      readFileSync(join(rig.rootOf(each), "debian", file)).equals(readFileSync(join(update, file))),
    ),
  );
  const put = [deb, PACKAGES_FILE].reduce((sum, file) => sum + statSync(join(update, file)).size, 0);
  say(`patch: ${ms} ms until all three have it (${right ? "right" : "WRONG"}); put ${put} bytes`);
  say(
    `blocks sent ${result.bytes} bytes; over the wire sent ${counted.sent}, received ${counted.received} bytes`,
  );
  say(`sent: ${((counted.sent / total) * 100).toFixed(3)} % of the repository`);
  if (!right || counted.sent >= total / 100) process.exitCode = 1;
} finally {
  relay.close();
  await rig.close();
}
