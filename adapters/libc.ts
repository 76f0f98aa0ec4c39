/**
 * The system calls that Node has no name for, through koffi. Each takes held directory descriptors and one component,
 * and answers a descriptor, a count or 0; a failure is thrown as `ErrnoError` with the error's name.
 */
import { constants } from "node:os";
import koffi from "koffi";

const AT_FDCWD = -100;
const AT_SYMLINK_FOLLOW = 0x400;
const AT_REMOVEDIR = 0x200;
export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
const LOCK_EX = 2;
const LOCK_NB = 4;

const ERRNO_NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

export class ErrnoError extends Error {
  readonly errno: string;
  constructor(errno: string) {
    super(errno);
    this.errno = errno;
  }
}

/** A name as C wants it: its bytes and a NUL. */
export function cString(bytes: string): Buffer {
  return Buffer.from(`${bytes}\0`, "latin1");
}

function checked(result: number): number {
  if (result >= 0) return result;
  const number = koffi.errno();
  throw new ErrnoError(ERRNO_NAMES.get(number) ?? `errno ${number}`);
}

const libc = koffi.load("libc.so.6");
const openatC = libc.func("int openat(int dir, uint8_t *name, int flags, uint32_t mode)");
const mkdiratC = libc.func("int mkdirat(int dir, uint8_t *name, uint32_t mode)");
const linkatC = libc.func("int linkat(int fromDir, uint8_t *from, int toDir, uint8_t *to, int flags)");
const symlinkatC = libc.func("int symlinkat(uint8_t *target, int dir, uint8_t *name)");
const readlinkatC = libc.func("long readlinkat(int dir, uint8_t *name, uint8_t *into, size_t length)");
const unlinkatC = libc.func("int unlinkat(int dir, uint8_t *name, int flags)");
const renameat2C = libc.func(
  "int renameat2(int fromDir, uint8_t *from, int toDir, uint8_t *to, unsigned int flags)",
);
const syncfsC = libc.func("int syncfs(int fd)");
const flockC = libc.func("int flock(int fd, int operation)");

export function openat(dir: number, name: string, flags: number, mode: number): number {
  return checked(openatC(dir, cString(name), flags, mode));
}
export function mkdirat(dir: number, name: string, mode: number): void {
  checked(mkdiratC(dir, cString(name), mode));
}
/** Links the open file itself; needs no privilege, unlike AT_EMPTY_PATH. */
export function linkDescriptor(fd: number, dir: number, name: string): void {
  checked(linkatC(AT_FDCWD, cString(`/proc/self/fd/${fd}`), dir, cString(name), AT_SYMLINK_FOLLOW));
}
export function symlinkat(target: string, dir: number, name: string): void {
  checked(symlinkatC(cString(target), dir, cString(name)));
}
const TARGET_BYTES_MAX = 4096;
export function readlinkat(dir: number, name: string): Buffer {
  const into = Buffer.alloc(TARGET_BYTES_MAX);
  return into.subarray(0, checked(Number(readlinkatC(dir, cString(name), into, into.length))));
}
export function unlinkat(dir: number, name: string): void {
  checked(unlinkatC(dir, cString(name), 0));
}
export function rmdirat(dir: number, name: string): void {
  checked(unlinkatC(dir, cString(name), AT_REMOVEDIR));
}
export function renameat2(fromDir: number, from: string, toDir: number, to: string, flags: number): void {
  checked(renameat2C(fromDir, cString(from), toDir, cString(to), flags));
}
export function syncfs(fd: number): void {
  checked(syncfsC(fd));
}
export function flockExclusive(fd: number): void {
  checked(flockC(fd, LOCK_EX | LOCK_NB));
}
