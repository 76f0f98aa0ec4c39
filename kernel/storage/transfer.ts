/** Counters that survive a restart: a CBOR map of [bytes, blocks]. They are nobody's proof: what is lost starts anew. */
import { type Cbor, decodeCbor, encodeCbor } from "../wire/cbor.ts";
import { type Members, readMembers, readUnsigned } from "../wire/shape.ts";
import { readOwn, replaceFile, setAside } from "./aside.ts";
import type { FileName, Handle, StorageProgram } from "./call.ts";
import type { Amount, Transfer } from "./request.ts";

const FILE = "transfer" as FileName;
const BYTES_MAX = 4096;
const TAG = "counters";
const NOTHING: Amount = { bytes: 0, blocks: 0 };
const NO_TRANSFER: Transfer = { fetched: NOTHING, reused: NOTHING, linked: NOTHING, served: NOTHING };

export function* saveTransfer(db: Handle, transfer: Transfer): StorageProgram<void> {
  const { fetched, reused, linked, served } = transfer;
  const cbor = new Map<string, Cbor>(
    Object.entries({ fetched, reused, linked, served }).map(([name, { bytes, blocks }]) => [
      name,
      [bytes, blocks],
    ]),
  );
  yield* replaceFile(db, FILE, encodeCbor(cbor), TAG);
}

export function* loadTransfer(db: Handle, tag: string, problems: string[]): StorageProgram<Transfer> {
  const own = yield* readOwn(db, FILE, BYTES_MAX);
  if (own.kind === "missing") return NO_TRANSFER;
  const transfer = own.kind === "bytes" ? decodeTransfer(own.bytes) : null;
  if (transfer !== null) return transfer;
  problems.push(`transfer counters unreadable, start at 0; kept as ${yield* setAside(db, FILE, tag)}`);
  return NO_TRANSFER;
}

function decodeTransfer(bytes: Uint8Array): Transfer | null {
  const decoded = decodeCbor(bytes, "refuse");
  const members = decoded.ok ? readMembers(decoded.value) : null;
  if (members === null) return null;
  const [fetched, reused, linked, served] = ["fetched", "reused", "linked", "served"].map((name) =>
    readAmount(members, name),
  );
  return fetched && reused && linked && served ? { fetched, reused, linked, served } : null;
}

function readAmount(members: Members, name: string): Amount | null {
  const value = members.get(name);
  if (!Array.isArray(value) || value.length !== 2) return null;
  const [bytes, blocks] = value.map(readUnsigned);
  return typeof bytes === "number" && typeof blocks === "number" ? { bytes, blocks } : null;
}
