/** Changes to text: lines and words moved, doubled, dropped, replaced by words that mean something to the format. */
import type { Dice } from "./dice.ts";
import { type Mutate, mutateBytes } from "./mutate-bytes.ts";

/** @param words  what stands between spaces and line ends of the format, and marks of its syntax */
export function mutateLines(words: readonly string[]): Mutate {
  return (dice, input, other) => {
    if (dice.once(5)) return mutateBytes(dice, input, other);
    const lines = split(input);
    for (let more = 1 + dice.roll(3); more > 0; more--) change(dice, lines, other, words);
    return Uint8Array.from(Buffer.from(lines.join("\n"), "latin1")); // a Buffer's `slice` is a view
  };
}

function split(bytes: Uint8Array): string[] {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1").split("\n");
}

function change(dice: Dice, lines: string[], other: Uint8Array, words: readonly string[]): void {
  const at = dice.roll(lines.length);
  const line = lines[at] ?? "";
  switch (dice.roll(8)) {
    case 0:
      lines.splice(at, 1);
      return;
    case 1:
      lines.splice(dice.roll(lines.length + 1), 0, line);
      return;
    case 2: {
      const second = dice.roll(lines.length);
      lines[at] = lines[second] ?? "";
      lines[second] = line;
      return;
    }
    case 3:
      lines.splice(at, 0, dice.pick(split(other)));
      return;
    case 4:
      lines.splice(at, 0, dice.pick(words));
      return;
    case 5: {
      const column = dice.roll(line.length + 1);
      lines[at] = line.slice(0, column) + dice.pick(words) + line.slice(column);
      return;
    }
    default: {
      // A word, with the space before it kept.
      const parts = line.split(/(?<= )/);
      const word = dice.roll(parts.length);
      const space = (parts[word] ?? "").endsWith(" ") ? " " : "";
      parts[word] = dice.once(4) ? "" : dice.pick(words) + space;
      lines[at] = parts.join("");
    }
  }
}
