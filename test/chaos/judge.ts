/**
 * What may be seen on the disks of a chaos run. It knows what clients have uploaded and were told, and what `check.py`
 * says of a disk; nothing of the server's code.
 */
import { NOTHING, type Seen, type SeenPath } from "../system/rig/seen.ts";
import type { ServerNumber } from "./plan.ts";

/** One upload by one client, whose end may be still to come. Moments are of the machine's clock. */
export type Uploaded = {
  readonly path: string;
  readonly image: string;
  /** It was signed between these. */
  readonly from: number;
  to: number;
  accepted: boolean;
  /** Who has it, as it has said itself when the client asked; and when. */
  readonly received: Map<ServerNumber, number>;
};

export type Look = {
  readonly server: ServerNumber;
  /** The server stood still from then until the look was over. */
  readonly at: number;
  readonly seen: Seen;
  /** Names in the directory of images. */
  readonly names: readonly string[];
  /** Names beside the server's own directories. */
  readonly beside: readonly string[];
};

const NOT_ITS_OWN = /^(db|site|lost\+found|ballast)$/;

export class Judge {
  readonly #uploads: Uploaded[] = [];
  readonly #paths = new Set<string>();
  /** By image: the time that it is signed with, as disks tell. */
  readonly #signed = new Map<string, number>();
  readonly #last = new Map<string, string>();

  begin(upload: Uploaded): void {
    this.#uploads.push(upload);
    this.#paths.add(upload.path);
  }

  /** A power cut may take what was there and was told to nobody. */
  powerCut(server: ServerNumber): void {
    for (const path of this.#paths) this.#last.delete(`${server} ${path}`);
  }

  /** What is wrong on one disk at one moment, in words. */
  judge({ server, at, seen, names, beside }: Look): readonly string[] {
    const out = seen.wrong.map((each) => `server ${server}: ${each}`);
    for (const { signed } of Object.values(seen.paths))
      for (const [image, time] of Object.entries(signed)) this.#signed.set(image, time);
    const foreign = [
      ...names.filter((name) => !name.startsWith(".tmp.") && !this.#paths.has(`/site/${name}`)),
      ...beside.filter((name) => !NOT_ITS_OWN.test(name)),
      ...Object.keys(seen.paths).filter((path) => !this.#paths.has(path)),
    ];
    if (foreign.length > 0) out.push(`server ${server}: foreign: ${[...new Set(foreign)].join(" ")}`);
    for (const path of this.#paths) {
      const own = seen.paths[path] ?? NOTHING;
      out.push(...this.#judgePath(server, path, own, at).map((what) => `server ${server}, ${path}: ${what}`));
      if (own.tree !== null) this.#last.set(`${server} ${path}`, own.tree);
    }
    return out;
  }

  /** What keeps the servers from being all alike and at rest; nothing when they are. */
  unlike(looks: readonly Look[]): readonly string[] {
    const out: string[] = [];
    for (const path of this.#paths) {
      const trees = looks.map(({ seen }) => (seen.paths[path] ?? NOTHING).tree);
      if (new Set(trees).size > 1) out.push(`${path}: ${trees.map((tree) => short(tree)).join(" ")}`);
      const promised = looks.filter(({ seen }) => (seen.paths[path] ?? NOTHING).intent !== null);
      if (promised.length > 0)
        out.push(`${path}: promised on ${promised.map(({ server }) => server).join(" ")}`);
    }
    for (const { server, seen } of looks)
      if (seen.left.length > 0) out.push(`server ${server}: left over: ${seen.left.join(" ")}`);
    return out;
  }

  /** Of servers that are alike: where what they have is not the newest of what clients were told to be there. */
  notTheWinner(looks: readonly Look[]): readonly string[] {
    const out: string[] = [];
    for (const path of this.#paths) {
      const tree = looks[0]?.seen.paths[path]?.tree ?? null;
      const told = this.#uploads.filter((each) => each.path === path && each.received.size > 0);
      const newer = told.find((each) => tree === null || this.#isOlder(path, tree, each.image));
      if (newer !== undefined)
        out.push(`${path}: ${short(tree)} is everywhere, and ${short(newer.image)} is newer`);
    }
    return out;
  }

  figures(): {
    readonly uploads: number;
    readonly accepted: number;
    readonly received: number;
  } {
    const count = (which: (upload: Uploaded) => boolean): number => this.#uploads.filter(which).length;
    return {
      uploads: this.#uploads.length,
      accepted: count(({ accepted }) => accepted),
      received: count(({ received }) => received.size > 0),
    };
  }

  #judgePath(server: ServerNumber, path: string, own: SeenPath, at: number): readonly string[] {
    const { tree, state, intent } = own;
    const out: string[] = [];
    const told = this.#uploads.filter(
      (each) => each.path === path && (each.received.get(server) ?? Number.POSITIVE_INFINITY) < at,
    );
    if (tree === null) {
      if (told.length > 0) out.push("lost: a client was told that an image is here, and none is");
      return out;
    }
    if (this.#of(path, tree) === undefined) return [`${short(tree)} was never uploaded there`];
    if (state !== tree && intent !== tree)
      out.push(`${short(tree)} is there, and ${short(state)} and ${short(intent)} are promised`);
    const lost = told.find((each) => this.#isOlder(path, tree, each.image));
    if (lost !== undefined)
      out.push(`lost: ${short(tree)} is there, older than ${short(lost.image)}, which a client was told of`);
    const last = this.#last.get(`${server} ${path}`);
    if (last !== undefined && this.#isOlder(path, tree, last))
      out.push(`rolled back: ${short(tree)} is there, older than ${short(last)}, which was there`);
    return out;
  }

  /** Certainly older: by what both are signed with, or because one was over before the other began. */
  #isOlder(path: string, image: string, than: string): boolean {
    if (image === than) return false;
    const [a, b] = [this.#signed.get(image), this.#signed.get(than)];
    if (a !== undefined && b !== undefined) return a < b || (a === b && image < than);
    const [first, second] = [this.#of(path, image), this.#of(path, than)];
    return first !== undefined && second !== undefined && first.to < second.from;
  }

  #of(path: string, image: string): Uploaded | undefined {
    return this.#uploads.find((each) => each.path === path && each.image === image);
  }
}

function short(image: string | null): string {
  return image === null ? "nothing" : image.slice(0, 8);
}
