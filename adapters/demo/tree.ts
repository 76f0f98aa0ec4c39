/** A directory as a list of lines that is equal exactly when its content is: kinds, exec bits, targets, digests. */
import { createHash } from "node:crypto";
import { lstatSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";

export type Tree = { readonly digest: string; readonly files: number; readonly bytes: number };

export function readTree(root: string): Tree {
  const hash = createHash("sha256");
  let files = 0;
  let bytes = 0;
  const visit = (path: Buffer): void => {
    const names = readdirSync(path, { encoding: "buffer" }).toSorted((a, b) => a.compare(b));
    for (const name of names) {
      const full = Buffer.concat([path, Buffer.from("/"), name]);
      const stat = lstatSync(full);
      hash.update(`${name.toString("hex")} `);
      if (stat.isDirectory()) {
        hash.update("directory\n");
        visit(full);
        hash.update("end\n");
      } else if (stat.isSymbolicLink()) {
        hash.update(`link ${readlinkSync(full, { encoding: "buffer" }).toString("hex")}\n`);
      } else if (stat.isFile()) {
        const content = readFileSync(full);
        files += 1;
        bytes += content.length;
        const digest = createHash("sha256").update(content).digest("hex");
        hash.update(`file ${(stat.mode & 0o100) === 0 ? "f" : "x"} ${digest}\n`);
      }
    }
  };
  visit(Buffer.from(join(root)));
  return { digest: hash.digest("hex"), files, bytes };
}
