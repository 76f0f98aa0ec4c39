/** What must not happen, done by hand to a server that stands still. */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plant } from "./options.ts";
import type { Uploads } from "./uploads.ts";

export function plantIn(images: string, plant: Plant, uploads: Uploads): void {
  const name = readdirSync(images).find((each) => !each.startsWith("."));
  if (name === undefined) throw new Error("there is no image to spoil");
  const path = join(images, name);
  switch (plant) {
    case "content": {
      const file = join(path, "number");
      writeFileSync(file, readFileSync(file, "utf8").replace(/^./, "x"));
      return;
    }
    case "lost":
      rmSync(path, { recursive: true });
      return;
    case "foreign":
      writeFileSync(join(images, "passwd"), "root");
      return;
    case "rollback": {
      // The first image of the run at that path: uploaded once, and long since replaced.
      const first = uploads.first.get(`/site/${name}`);
      if (first === undefined) throw new Error(`nothing was ever uploaded to ${name}`);
      rmSync(path, { recursive: true });
      cpSync(first, path, { recursive: true });
    }
  }
}
