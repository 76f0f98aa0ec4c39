/**
 * Entries of the catalogue about TLS, pins and a cluster key, which this version has not. What speaks them is ended or
 * dropped, and who asks for them is refused: nobody is left to believe that he has what he has not.
 */
import { spawn } from "node:child_process";
import { createCipheriv } from "node:crypto";
import { connect as connectPlain } from "node:net";
import { connect, type ConnectionOptions } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDirectoryFile } from "../../adapters/config/directory-file.ts";
import { printProblem } from "../../adapters/config/problem.ts";
import { encodePacket } from "../../kernel/wire/packet.ts";
import { build } from "../adapters/built.ts";
import { endOf, Rig, SERVER } from "../e2e/rig.ts";
import { addressOf, createRig, machineOf, NOTHING } from "../kernel/rig.ts";

let rig: Rig;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.83");
  await rig.startAll(1);
});
afterAll(() => rig.close());

const ENDED_MS = 6_000; // five seconds, and some for the machine

async function expectAlive(): Promise<void> {
  expect(await rig.page(1)).toMatchObject({ state: "running" });
}

describe("TLS to a port that has none", () => {
  test.each<readonly [what: string, options: ConnectionOptions]>([
    ["BH10 TLS 1.3 without a name", { minVersion: "TLSv1.3" }],
    ["BH10 TLS 1.2 with a name", { maxVersion: "TLSv1.2", servername: "cluster.example" }],
    ["BH10 TLS 1.0", { minVersion: "TLSv1", maxVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" }],
  ])("%s is answered with words and ended", async (_, options) => {
    const socket = connect({
      host: rig.addressOf(1),
      port: rig.port,
      rejectUnauthorized: false,
      ...options,
    });
    const error = await new Promise<NodeJS.ErrnoException>((failed, secure) => {
      socket.on("error", failed);
      socket.on("secureConnect", () => secure(new Error("a handshake came to its end")));
    });
    expect(error.code).toMatch(/WRONG_VERSION_NUMBER|PACKET_LENGTH|RECORD|ECONNRESET/);
    await expectAlive();
  });

  test("BH10 16 kB of 0x16 and then silence are ended", async () => {
    const socket = connectPlain(rig.port, rig.addressOf(1));
    socket.on("error", () => {});
    socket.write(Buffer.alloc(16 * 1024, 0x16));
    const ended = new Promise<boolean>((done) => {
      socket.on("close", () => done(true));
      setTimeout(done, ENDED_MS, false).unref();
    });
    socket.resume();
    expect(await ended).toBe(true);
    await expectAlive();
  }, 10_000);
});

test("BH11 TLS that is required in a directory's file is a problem of that file", () => {
  const text = "directory: /srv/a\nappend-only: true\nnum-levels: 1\ntls: required\n";
  const parsed = parseDirectoryFile("a.yaml", "a", Buffer.from(text));
  expect(parsed.ok ? [] : parsed.problems.map(printProblem)).toEqual([
    expect.stringMatching(/^a\.yaml:4:1: .*tls/),
  ]);
});

test.each([
  ["BH11 a server that is to require TLS", ["--tls", "required"]],
  ["BK11 a server that is to read pins", ["--tls-pins", "/dev/null"]],
  ["BG15 a server that is to read sealed packets alone", ["--verify-incoming"]],
  ["BG15 a server that is given a cluster key", ["--cluster-key", "/dev/null"]],
])("%s does not start", async (_, options) => {
  const child = spawn(process.execPath, [SERVER, "-c", rig.path("server-1/config"), ...options]);
  const { status, stderr } = await endOf(child);
  expect([status, stderr]).toEqual([64, expect.stringContaining(options[0] ?? "")]);
});

test("BK11 a client that is to read pins says that it knows no such option", async () => {
  const { status, stderr } = await rig.client([
    "ls",
    "-d",
    "/site",
    "--tls-pins",
    "/dev/null",
    rig.addressOf(1),
  ]);
  expect([status, stderr]).toEqual([64, expect.stringContaining("--tls-pins")]);
});

describe("sealed packets", () => {
  const plain = encodePacket({ machine: machineOf(1), yourConfig: null, message: NOTHING });

  /** Version, label, sender, salt of the start and counter in the open; the packet sealed; a tag behind it. */
  function sealed(key: number, label = "cluster"): Uint8Array {
    const head = Buffer.concat([
      Buffer.from([1]),
      Buffer.from(label),
      Buffer.alloc(16, 1),
      Buffer.alloc(8, 2),
      Buffer.alloc(8),
    ]);
    const cipher = createCipheriv("chacha20-poly1305", Buffer.alloc(32, key), Buffer.alloc(12), {
      authTagLength: 16,
    });
    cipher.setAAD(head, { plaintextLength: plain.length });
    const body = Buffer.concat([cipher.update(plain), cipher.final()]);
    return Buffer.concat([head, body, cipher.getAuthTag()]);
  }

  function expectDropped(packets: readonly Uint8Array[]): void {
    const own = createRig();
    own.start();
    for (const bytes of packets)
      expect(own.feed({ kind: "datagram", from: addressOf(1), bytes })).toEqual([]);
    const { undecodable, peers } = own.node.view;
    expect([undecodable, peers.size]).toEqual([packets.length, 0]);
  }

  test.each<readonly [what: string, bytes: Uint8Array]>([
    ["BG15 of one key", sealed(1)],
    ["BG15 of another key", sealed(2)],
    ["BG15 of another cluster", sealed(1, "other")],
    ["BG15 with half of its tag", sealed(1).subarray(0, -8)],
  ])("%s are dropped and not answered", (_, bytes) => {
    expectDropped([bytes]);
  });

  test("BG15 with a bit flipped, wherever it is, are dropped and not answered", () => {
    const whole = sealed(1);
    expectDropped(
      Array.from(whole, (byte, at) => Buffer.from(whole).fill(byte ^ (1 << (at % 8)), at, at + 1)),
    );
  });
});
