// Builds static/vendor/agentsite-vendor-<version>.js and static/icons.svg; with --check, compares instead of writing.

import { readFile, writeFile, readdir, rm, mkdir } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { build } from "esbuild";
import { ICONS } from "./icons.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const staticDir = path.resolve(here, "../../static");
const vendorDir = path.join(staticDir, "vendor");
const { version } = JSON.parse(await readFile(path.join(here, "package.json"), "utf8"));

/** @returns {Promise<Map<string, string>>} the files of the bundle: its entry, and a chunk for each grammar. */
async function bundle() {
  const name = `agentsite-vendor-${version}`;
  const result = await build({
    entryPoints: [{ in: path.join(here, "entry.js"), out: name }],
    outdir: vendorDir,
    absWorkingDir: here,
    bundle: true,
    splitting: true,
    chunkNames: `${name}-[name]-[hash]`,
    minify: true,
    format: "esm",
    target: ["es2022"],
    charset: "utf8",
    legalComments: "none",
    banner: { js: `/* ${name}: licences in ${name}.LICENSES.txt; made by deploy/vendor */` },
    write: false,
  });
  return new Map(result.outputFiles.map((file) => [file.path, file.text]));
}

async function licences() {
  const lock = JSON.parse(await readFile(path.join(here, "package-lock.json"), "utf8"));
  const parts = [];
  for (const [folder, entry] of Object.entries(lock.packages).sort()) {
    if (!folder || entry.dev) continue;
    const name = folder.replace(/^.*node_modules\//, "");
    const files = await readdir(path.join(here, folder));
    const file = files.find((candidate) => /^licen[cs]e/i.test(candidate));
    const text = file ? (await readFile(path.join(here, folder, file), "utf8")).trim() : entry.license;
    parts.push(`${name} ${entry.version} (${entry.license})\n\n${text}\n`);
  }
  return parts.join(`\n${"-".repeat(80)}\n\n`);
}

async function sprite() {
  const folder = path.join(here, "node_modules/lucide-static");
  const { version: lucide } = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
  const symbols = [];
  for (const name of [...ICONS].sort()) {
    const svg = await readFile(path.join(folder, "icons", `${name}.svg`), "utf8");
    const inner = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
    const body = inner.replace(/\s*\n\s*/g, "").trim();
    symbols.push(
      `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" ` +
        `stroke-linecap="round" stroke-linejoin="round">${body}</symbol>`,
    );
  }
  const licence = (await readFile(path.join(folder, "LICENSE"), "utf8")).trim().replace(/-{2,}/g, "-");
  return `<svg xmlns="http://www.w3.org/2000/svg">\n<!-- Icons: Lucide ${lucide}, made into a sprite by deploy/vendor.\n\n${licence}\n-->\n${symbols.join("\n")}\n</svg>\n`;
}

const outputs = new Map([
  ...(await bundle()),
  [path.join(vendorDir, `agentsite-vendor-${version}.LICENSES.txt`), await licences()],
  [path.join(staticDir, "icons.svg"), await sprite()],
]);

if (process.argv.includes("--check")) {
  for (const [file, text] of outputs) {
    if ((await readFile(file, "utf8").catch(() => null)) !== text) {
      console.error(`${path.relative(process.cwd(), file)} is not what this recipe makes: run npm run build`);
      process.exitCode = 1;
    }
  }
} else {
  await mkdir(vendorDir, { recursive: true });
  for (const file of await readdir(vendorDir)) {
    if (file.startsWith("agentsite-vendor-") && !outputs.has(path.join(vendorDir, file))) await rm(path.join(vendorDir, file));
  }
  for (const [file, text] of outputs) {
    await writeFile(file, text);
    console.log(path.relative(process.cwd(), file), text.length, "bytes,", gzipSync(text).length, "gzipped");
  }
}
