// Fails when the built JavaScript or CSS outgrows its budget. Sizes are gzipped, in kB of 1000 bytes. Run after the build.
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';

const DIST = resolve(import.meta.dirname, '../dist');
const BUDGETS = { 'initial JS': 120, 'chart chunk': 65, 'total JS': 300, CSS: 12 };

const page = readFileSync(join(DIST, 'index.html'), 'utf8');
const assets = readdirSync(join(DIST, 'assets')).filter((name) => /\.(js|css)$/.test(name));
const kilobytes = (names) =>
  names.reduce((sum, name) => sum + gzipSync(readFileSync(join(DIST, 'assets', name))).length, 0) / 1000;

const scripts = assets.filter((name) => name.endsWith('.js'));
const sizes = {
  'initial JS': kilobytes(scripts.filter((name) => page.includes(name))),
  'chart chunk': kilobytes(scripts.filter((name) => name.startsWith('chart-vendor'))),
  'total JS': kilobytes(scripts),
  CSS: kilobytes(assets.filter((name) => name.endsWith('.css'))),
};

let failed = false;
for (const [name, size] of Object.entries(sizes)) {
  const over = size > BUDGETS[name];
  failed ||= over;
  console.log(`${over ? 'FAIL' : '  ok'}  ${name.padEnd(12)} ${size.toFixed(1).padStart(6)} kB of ${BUDGETS[name]} kB`);
}
if (failed) process.exit(1);
