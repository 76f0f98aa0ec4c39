import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { describeClient } from "../../adapters/cli/command-line.ts";
import { readVersion } from "../../adapters/version.ts";
import { manualPages } from "./manual.ts";

const pages = manualPages(readVersion());

test("packaging/man/ is what --help says, and the package hands it to man: `npm run manual` writes it", () => {
  const files = pages.map(({ file }) => file);
  expect(readdirSync("packaging/man").toSorted()).toEqual(files.toSorted());
  for (const { file, text } of pages) expect(readFileSync(`packaging/man/${file}`, "utf8"), file).toBe(text);
  const described = JSON.parse(readFileSync("package.json", "utf8")) as { readonly man: readonly string[] };
  expect(described.man.toSorted()).toEqual(files.map((file) => `packaging/man/${file}`).toSorted());
});

test("every option, example and status of a command stands in its page, in a form that roff shows as it is", () => {
  const shown = (text: string) =>
    text
      .replaceAll("\\-", "-")
      .replaceAll("\\&", "")
      .replace(/\\f[BIR]/g, "");
  for (const command of describeClient("1.2.3", () => {}).commands) {
    const page = pages.find(({ file }) => file === `ciruela-${command.name()}.1`)?.text ?? "";
    for (const { long, hidden } of command.options) expect(shown(page).includes(`${long}`)).toBe(!hidden);
    expect(shown(page)).toContain(`\nciruela ${command.name()} `);
    expect(page).toMatch(/\n\.SH EXIT STATUS\n[A-Z0-9]/);
    for (const line of page.trimEnd().split("\n"))
      expect(line).toMatch(/^(\.(\\"|TH|SH|TP|PP|B|nf|fi)( |$)|[^.'])/);
  }
});
