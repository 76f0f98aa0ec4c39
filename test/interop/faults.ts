/** Faults that several rows plant. */
import {
  appendFileSync,
  chmodSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { indexFile, readState, stateFile } from "./disk.ts";
import type { Plant } from "./row.ts";
import type { Scene } from "./scene.ts";
import { wrong } from "./wrong.ts";

/** A byte of a file is another one on a server's disk; nothing else of it changes. */
export function flipped(at: string, node: number, path: string, file: string): Plant {
  return {
    at,
    what: `a byte of ${path}${file} changes on server ${node}`,
    act(scene) {
      const full = `${scene.folderOf(node, path)}${file}`;
      const { atimeMs, mtimeMs, mode } = statSync(full);
      const bytes = readFileSync(full);
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      rmSync(full); // its inode may be that of another version, which is right
      writeFileSync(full, bytes);
      chmodSync(full, mode & 0o777);
      utimesSync(full, atimeMs / 1_000, mtimeMs / 1_000);
    },
    says: /has other bytes/,
  };
}

export function modeLost(at: string, node: number, path: string, file: string): Plant {
  return {
    at,
    what: `${path}${file} is no program any more on server ${node}`,
    act: (scene) => chmodSync(`${scene.folderOf(node, path)}${file}`, 0o644),
    says: /has mode 644/,
  };
}

export function touched(at: string, node: number, path: string, file: string): Plant {
  return {
    at,
    what: `${path}${file} gets the time of today on server ${node}`,
    act: (scene) => utimesSync(`${scene.folderOf(node, path)}${file}`, new Date(), new Date()),
    says: /has the time/,
  };
}

export function added(at: string, node: number, path: string): Plant {
  return {
    at,
    what: `a file that nobody uploaded appears in ${path} on server ${node}`,
    act: (scene) => writeFileSync(`${scene.folderOf(node, path)}/stray`, "stray"),
    says: /is not in the tree/,
  };
}

export function removed(at: string, node: number, path: string, file: string): Plant {
  return {
    at,
    what: `${path}${file} goes on server ${node}`,
    act: (scene) => rmSync(`${scene.folderOf(node, path)}${file}`, { recursive: true }),
    says: /is missing/,
  };
}

/** The files are right, and the database says another thing. */
export function indexCut(at: string, node: number, path: string): Plant {
  return {
    at,
    what: `the index of ${path} gets a line more on server ${node}`,
    act(scene) {
      const state = readState(stateFile(scene.db(node), path)) ?? wrong(`there is no state of ${path}`);
      appendFileSync(indexFile(scene.db(node), state.image), "x\n");
    },
    says: /the index of .* is not what the tree makes/,
  };
}

export function stateGone(at: string, node: number, path: string): Plant {
  return {
    at,
    what: `the state of ${path} goes on server ${node}`,
    act: (scene) => rmSync(stateFile(scene.db(node), path)),
    says: /there is no state/,
  };
}

export function signatureBroken(at: string, node: number, path: string): Plant {
  return {
    at,
    what: `a bit of the signature of ${path} changes on server ${node}`,
    act(scene) {
      const file = stateFile(scene.db(node), path);
      const bytes = readFileSync(file);
      const signature = readState(file)?.signatures.at(-1)?.bytes ?? wrong(`there is no state of ${path}`);
      const place = bytes.indexOf(signature);
      bytes[place] = (bytes[place] ?? 0) ^ 1;
      writeFileSync(file, bytes);
    },
    says: /no signature .* holds/,
  };
}

export function killed(at: string, node: number): Plant {
  return {
    at,
    what: `server ${node} is killed`,
    act: (scene) => scene.stop(node),
    says: new RegExp(`server \\d+ has|page .* of server ${node}|the client ended with`),
  };
}

/** Before anything runs: a server is configured in another way. */
export function configured(what: string, act: (scene: Scene) => void, says: RegExp): Plant {
  return { at: "configured", what, act, says };
}
