/** Of what a problem is, as the status page names it. Nothing else is one, so that `docs/status.md` can have all. */
export const ABOUTS = [
  "configuration",
  "keys",
  "peers",
  "upload-keys of KEY",
  "keep list of KEY",
  "directory KEY",
  "images of KEY",
  "clock",
  "space in PLACE",
  "start: PATH",
  "download PATH",
  "removal of PATH",
  "cleanup of PATH",
  "damage of PATH",
] as const;

type Row = (typeof ABOUTS)[number];
/** A row with a name in the place of its capitals. */
type Named<Text extends string> = Text extends `${infer Before}${"KEY" | "PATH" | "PLACE"}`
  ? `${Before}${string}`
  : Text;
export type About = Row extends infer Each ? (Each extends string ? Named<Each> : never) : never;
