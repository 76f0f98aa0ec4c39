/**
 * The file-system port over real descriptors. Every call is relative to a held directory and takes one component;
 * nothing here looks at content. Calls are synchronous: they run on storage threads.
 */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { createBLAKE2b, type IHasher } from "hash-wasm";
import { unreachable } from "../kernel/assert.ts";
import type { HashName } from "../kernel/index/packed.ts";
import {
  type FileKind,
  type FileName,
  type FileStat,
  type FileSystem,
  type FsCall,
  FsFailure,
  type FsValue,
  type Handle,
  type RootName,
} from "../kernel/storage/call.ts";
import { type ByteString, byteString } from "../kernel/text.ts";
import { codeOfErrno } from "./errno.ts";
import * as libc from "./libc.ts";

const { O_CLOEXEC, O_NOFOLLOW, O_DIRECTORY, O_NONBLOCK, O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = {
  ...fs.constants,
  O_CLOEXEC: 0o2000000, // absent from Node's list
};
const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;
const DIGEST_BUFFER_BYTES = 1024 * 1024;

export async function createFileSystem(): Promise<FileSystem> {
  const blake2b = await createBLAKE2b(256);
  const roots = new Map<RootName, Handle>();
  const buffer = Buffer.alloc(DIGEST_BUFFER_BYTES);

  function digest(algorithm: HashName, bytes: Uint8Array): Uint8Array {
    if (algorithm === "sha512/256") return createHash("sha512-256").update(bytes).digest();
    return digestBlake2b(blake2b, bytes);
  }

  function digestBlocks(handle: number, offset: number, length: number, blockBytes: number): Uint8Array {
    const hashes = new Uint8Array(Math.ceil(length / blockBytes) * 32);
    // Whole blocks at a time, several of them when they are small.
    const atOnce = Math.max(1, Math.floor(buffer.length / blockBytes)) * blockBytes;
    const into = atOnce <= buffer.length ? buffer : Buffer.alloc(atOnce);
    for (let at = 0, block = 0; at < length; at += atOnce) {
      const wanted = Math.min(atOnce, length - at);
      const got = readFully(handle, into, wanted, offset + at);
      if (got < wanted) throw new libc.ErrnoError("EIO"); // shorter than it was: it changed under our hands
      for (let start = 0; start < wanted; start += blockBytes, block++) {
        const bytes = into.subarray(start, Math.min(start + blockBytes, wanted));
        hashes.set(digestBlake2b(blake2b, bytes), block * 32);
      }
    }
    return hashes;
  }

  function root(name: RootName): Handle {
    const held = roots.get(name);
    if (held !== undefined) return held;
    const handle = fs.openSync(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) as Handle;
    roots.set(name, handle);
    return handle;
  }

  function perform(call: FsCall): FsValue {
    switch (call.call) {
      case "root":
        return root(call.root);
      case "open_directory":
        return openAt(call.dir, call.name, O_RDONLY | O_DIRECTORY);
      case "open_file":
        return openAt(call.dir, call.name, O_RDONLY | O_NONBLOCK);
      case "create_file":
        return createAt(call.dir, call.name);
      case "open_for_write":
        return openAt(call.dir, call.name, O_RDWR | O_NONBLOCK);
      case "close":
        return fs.closeSync(call.handle);
      case "stat":
        return statOf(fs.fstatSync(call.handle, { bigint: true }));
      case "stat_name":
        return statOf(fs.lstatSync(procPath(call.dir, call.name), { bigint: true }));
      case "list":
        return listOf(call.dir);
      case "read": {
        const bytes = Buffer.alloc(call.length);
        return bytes.subarray(0, readFully(call.handle, bytes, call.length, call.offset));
      }
      case "write":
        return writeFully(call.handle, call.bytes, call.offset);
      case "truncate":
        return fs.ftruncateSync(call.handle, call.size);
      case "set_mode":
        return fs.fchmodSync(call.handle, call.mode);
      case "set_times":
        return fs.futimesSync(call.handle, call.seconds, call.seconds);
      case "sync":
        return fs.fsyncSync(call.handle);
      case "sync_file_system":
        return libc.syncfs(call.dir);
      case "make_directory":
        return makeDirectoryAt(call.dir, call.name);
      case "link":
        return libc.linkDescriptor(call.handle, call.dir, call.name);
      case "make_link":
        return libc.symlinkat(call.target, call.dir, call.name);
      case "read_link":
        return byteString(libc.readlinkat(call.dir, call.name));
      case "rename": {
        const flags = { replace: 0, keep: libc.RENAME_NOREPLACE, exchange: libc.RENAME_EXCHANGE }[call.mode];
        return libc.renameat2(call.fromDir, call.from, call.toDir, call.to, flags);
      }
      case "unlink":
        return libc.unlinkat(call.dir, call.name);
      case "remove_directory":
        return libc.rmdirat(call.dir, call.name);
      case "lock":
        return libc.flockExclusive(call.handle);
      case "digest_blocks":
        return digestBlocks(call.handle, call.offset, call.length, call.blockBytes);
      case "digest":
        return digest(call.algorithm, call.bytes);
      case "checkpoint":
        return undefined;
      default:
        return unreachable(call);
    }
  }

  return {
    perform(call) {
      try {
        return perform(call);
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === null) throw error;
        throw new FsFailure(codeOfErrno(errno), call.call, errno);
      }
    },
  };
}

/** The error's name when the system said no; null when it is a bug of ours. */
function errnoOf(error: unknown): string | null {
  if (error instanceof libc.ErrnoError) return error.errno;
  const code = error instanceof Error && "code" in error ? error.code : null;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) && !code.startsWith("ERR_") ? code : null;
}

function openAt(dir: number, name: FileName, flags: number): Handle {
  return libc.openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC, 0) as Handle;
}

/** The mode is set apart, because the process's mask would take bits away. */
function createAt(dir: number, name: FileName): Handle {
  const fd = libc.openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
  fs.fchmodSync(fd, FILE_MODE);
  return fd as Handle;
}

/** As with a file. */
function makeDirectoryAt(dir: number, name: FileName): void {
  libc.mkdirat(dir, name, DIRECTORY_MODE);
  const fd = libc.openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  try {
    fs.fchmodSync(fd, DIRECTORY_MODE);
  } finally {
    fs.closeSync(fd);
  }
}

/** A name in a held directory, for the calls that Node has by path alone; the component is never a link's target. */
function procPath(dir: number, name: ByteString): Buffer {
  return Buffer.from(`/proc/self/fd/${dir}/${name}`, "latin1");
}

function statOf(stat: fs.BigIntStats): FileStat {
  return {
    kind: kindOf(stat),
    size: Number(stat.size),
    mode: Number(stat.mode & 0o7777n),
    links: Number(stat.nlink),
    own: Number(stat.uid) === process.geteuid?.(),
    identity: `${stat.dev}:${stat.ino}`,
    changed: `${stat.mtimeNs}:${stat.ctimeNs}`,
  };
}

function kindOf(stat: fs.BigIntStats): FileKind {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  return stat.isSymbolicLink() ? "link" : "other";
}

function listOf(dir: number): readonly FileName[] {
  const names = fs.readdirSync(`/proc/self/fd/${dir}`, { encoding: "buffer" });
  return names.map((name) => byteString(name) as FileName).toSorted((a, b) => (a < b ? -1 : 1));
}

function readFully(fd: number, into: Buffer, length: number, offset: number): number {
  let got = 0;
  while (got < length) {
    const count = fs.readSync(fd, into, got, length - got, offset + got);
    if (count === 0) break;
    got += count;
  }
  return got;
}

function writeFully(fd: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += fs.writeSync(fd, bytes, done, bytes.length - done, offset + done);
  }
}

function digestBlake2b(hasher: IHasher, bytes: Uint8Array): Uint8Array {
  return hasher.init().update(bytes).digest("binary");
}
