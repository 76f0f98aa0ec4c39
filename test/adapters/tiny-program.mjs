// Storage programs of a few lines, in the place of kernel/storage/program.ts: plain JavaScript, as a thread loads it.
import * as calls from "../../dist/kernel/storage/calls.js";

export function* programOf(request, context) {
  switch (request.kind) {
    case "write_block": {
      const hash = yield* calls.digest("blake2b/256", request.bytes);
      if (Buffer.from(hash).toString("hex") !== request.hash) {
        return { ok: false, code: "block_hash_mismatch", detail: request.file };
      }
      const dir = yield* calls.root(request.place.root);
      const file = yield* calls.openForWrite(dir, request.file);
      yield* calls.write(file, request.offset, request.bytes);
      yield* calls.close(file);
      return { ok: true, value: { kind: "done" } };
    }
    case "read_block": {
      const dir = yield* calls.root(request.place.root);
      const file = yield* calls.openFile(dir, request.file);
      const bytes = yield* calls.read(file, request.offset, request.length);
      yield* calls.close(file);
      return { ok: true, value: { kind: "bytes", bytes } };
    }
    case "load_index": {
      const kinds = Uint8Array.of(0, 1);
      return { ok: true, value: { kind: "index", index: { image: context.image, kinds } } };
    }
    case "delete_old": // long: a thousand pieces
      for (let piece = 0; piece < 1000; piece++) {
        for (const end = performance.now() + 1; performance.now() < end; );
        yield* calls.checkpoint();
      }
      return { ok: true, value: { kind: "done" } };
    case "recover": {
      for (const end = performance.now() + 300; performance.now() < end; ) yield* calls.checkpoint();
      if (context.locked) return { ok: false, code: "locked", detail: "another server" };
      const transfer = Object.fromEntries(
        ["fetched", "reused", "linked", "served"].map((name) => [name, { bytes: 0, blocks: 0 }]),
      );
      return { ok: true, value: { kind: "recovered", found: [], transfer, problems: [] } };
    }
    default:
      throw new Error("planted bug");
  }
}
