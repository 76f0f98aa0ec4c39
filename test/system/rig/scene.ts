/** What every story stands on: a key, trees to upload, disks to begin with, and servers on copies of them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newKeyPair } from "../../../adapters/keys/pair.ts";
import { freePort, plant } from "../../e2e/rig.ts";
import { type Disk, mountCopy } from "./disk.ts";
import { idOf } from "./seen.ts";
import { Server, type Watch } from "./server.ts";

/** Disks that stories begin with. */
export type Start =
  /** Two images, one of which is older. */
  | "base"
  /** The same as 0.6.12 would have left it. */
  | "old_layout"
  /** A replace was interrupted between the exchange of the trees and the state. */
  | "half_replaced"
  /** All blocks of a replace are there, and it was interrupted before the exchange. */
  | "half_uploaded"
  /** A removal was interrupted between the tree and the state. */
  | "half_removed";

/** Stands beside what a server may write. */
export const CANARY = "not ours";

/** Ids of the trees that are uploaded, as `check.py` has them. */
export type Images = { readonly old: string; readonly young: string; readonly beside: string };

export class Scene {
  readonly folder: string;
  readonly keyFile: string;
  readonly publicKey: string;
  readonly net: string;
  readonly port: number;
  readonly images: Images;
  /** What disks showed that a start left as they were. */
  readonly steady = new Set<string>();

  private constructor(net: string, port: number) {
    this.net = net;
    this.port = port;
    this.folder = mkdtempSync(join(tmpdir(), "ciruela-rig-"));
    const keys = newKeyPair("test");
    this.publicKey = keys.public;
    this.keyFile = join(this.folder, "key");
    writeFileSync(this.keyFile, keys.private, { mode: 0o600 });
    const same = "the same in both ".repeat(3_000);
    plant(this.tree("old"), { same, changes: "before", gone: "gone" });
    plant(this.tree("young"), { same, changes: "after", "in/new": "new ".repeat(20_000) });
    plant(this.tree("beside"), { same });
    const [old = "", young = "", beside = ""] = ["old", "young", "beside"].map((name) =>
      idOf(this.tree(name)),
    );
    this.images = { old, young, beside };
  }

  /** @param net  first three numbers of the servers' addresses, of this rig alone */
  static async create(net: string): Promise<Scene> {
    return new Scene(net, await freePort(`${net}.1`));
  }

  tree(name: string): string {
    return join(this.folder, name);
  }

  /** A copy of a disk in a folder of its own. */
  mount(start: Start): { readonly disk: Disk; readonly own: string } {
    const own = mkdtempSync(join(this.folder, "run-"));
    return { disk: mountCopy(this.imageOf(start), own), own };
  }

  server(disk: Disk, own: string, host: number, yaml: string, watch: Watch | null, preload?: string): Server {
    const { net, port, publicKey } = this;
    const more = preload === undefined ? {} : { preload };
    const options = { folder: own, root: disk.root, host: `${net}.${host}`, port, publicKey, yaml, ...more };
    return new Server(options, watch);
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Where a disk is kept that stories begin with. */
  imageOf(start: Start): string {
    return join(this.folder, `${start}.img`);
  }
}
