// Copies what the pages need from node_modules into static/vendor/, which is committed: users and CI need no Node.
// manifest.json holds the sha256 of every file; scripts/check_vendor.py compares.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "node_modules");
const root = join(here, "..");
const out = join(root, "static/vendor");

// What lands in static/vendor/ and where it comes from.
const FILES = {
  "tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
  "tabler.min.js": "@tabler/core/dist/js/tabler.min.js",
  "htmx.min.js": "htmx.org/dist/htmx.min.js",
  "idiomorph-ext.min.js": "idiomorph/dist/idiomorph-ext.min.js",
  "sortable.min.js": "sortablejs/Sortable.min.js",
  "tom-select.min.js": "tom-select/dist/js/tom-select.complete.min.js",
  "tom-select.min.css": "tom-select/dist/css/tom-select.bootstrap5.min.css",
  "swagger-ui-bundle.js": "swagger-ui-dist/swagger-ui-bundle.js",
  "swagger-ui.css": "swagger-ui-dist/swagger-ui.css",
};
const LICENCES = {
  "htmx.txt": "htmx.org/LICENSE",
  "idiomorph.txt": "idiomorph/LICENSE",
  "inter.txt": "@fontsource-variable/inter/LICENSE",
  "popper.txt": "@popperjs/core/LICENSE.md",
  "sortablejs.txt": "sortablejs/LICENSE",
  "swagger-ui.txt": "swagger-ui-dist/LICENSE",
  "swagger-ui-notice.txt": "swagger-ui-dist/NOTICE",
  "swagger-ui-parts.txt": "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt",
  "tabler-icons.txt": "@tabler/icons/LICENSE",
  "tom-select.txt": "tom-select/LICENSE",
};
// Tabler's package has no licence file, so its notice and that of the Bootstrap inside it are completed here.
const TABLER = `Tabler: Copyright 2018-2026 The Tabler Authors, Copyright 2018-2026 codecalm.net Paweł Kuna
Bootstrap, which it contains: Copyright 2011-2026 The Bootstrap Authors

`;

const sums = {};
const read = (path, coding = "utf8") => readFileSync(join(modules, path), coding);
const put = (name, data) => {
  mkdirSync(dirname(join(out, name)), { recursive: true });
  writeFileSync(join(out, name), data);
  sums[name] = createHash("sha256").update(data).digest("hex");
};
// A source map that is not shipped would make collectstatic fail.
const withoutMap = (text) => text.replace(/\n?\/[/*]# sourceMappingURL=.*?(\*\/)?\s*$/, "\n");

// The font: one file per script, of which a browser loads only those whose characters a page shows.
function inter() {
  const css = read("@fontsource-variable/inter/wght.css");
  put("inter/inter.css", css.replaceAll("./files/", "./"));
  for (const [, file] of css.matchAll(/\.\/files\/([\w-]+\.woff2)/g))
    put(`inter/${file}`, read(`@fontsource-variable/inter/files/${file}`, null));
}

// The icons: one sprite of the names in icons.txt; a page says <svg><use href="…/icons.svg#sun"></use></svg>.
function icons() {
  const names = readFileSync(join(here, "icons.txt"), "utf8").split(/\s+/).filter(Boolean).sort();
  const symbol = (name) => {
    const svg = read(`@tabler/icons/icons/outline/${name}.svg`);
    const body = svg.replace(/^[\s\S]*?<svg[^>]*>|<\/svg>\s*$/g, "").replace(/\s*<path stroke="none"[^>]*>/, "");
    const look = 'fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"';
    return `<symbol id="${name}" viewBox="0 0 24 24" ${look}>${body.replace(/\n\s*/g, "")}</symbol>`;
  };
  put("icons.svg", `<svg xmlns="http://www.w3.org/2000/svg">\n${names.map(symbol).join("\n")}\n</svg>\n`);
}

rmSync(out, { recursive: true, force: true });
for (const [to, from] of Object.entries(FILES)) put(to, withoutMap(read(from)));
for (const [to, from] of Object.entries(LICENCES)) put(`licences/${to}`, read(from));
const mit = read("@tabler/icons/LICENSE");
put("licences/tabler.txt", TABLER + mit.slice(mit.indexOf("Permission is")));
inter();
icons();
const sorted = Object.fromEntries(Object.entries(sums).sort());
writeFileSync(join(out, "manifest.json"), JSON.stringify(sorted, null, 1) + "\n");

// For the browser tests alone; its licence (MPL-2.0) stands in its head.
const axe = join(root, "tests/browser/vendor");
mkdirSync(axe, { recursive: true });
writeFileSync(join(axe, "axe.min.js"), withoutMap(read("axe-core/axe.min.js")));
console.log(`${Object.keys(sums).length} files in static/vendor/`);
