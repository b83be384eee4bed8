// Fails when modules import each other in a circle, or against the direction shared -> features -> app.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';

const ROOT = resolve(import.meta.dirname, '../src');
const LAYERS = ['config', 'lib', 'services', 'contexts', 'components', 'features', 'app'];

const files = readdirSync(ROOT, { recursive: true })
  .filter((name) => /\.tsx?$/.test(name) && !/\.test\.tsx?$/.test(name))
  .map((name) => join(ROOT, name));
const known = new Set(files);

function locate(from, specifier) {
  const base = specifier.startsWith('@/') ? join(ROOT, specifier.slice(2)) : join(dirname(from), specifier);
  return ['', '.ts', '.tsx', '/index.ts'].map((suffix) => base + suffix).find((path) => known.has(path));
}

function importsOf(file) {
  return ts
    .preProcessFile(readFileSync(file, 'utf8'))
    .importedFiles.map(({ fileName }) => fileName)
    .filter((name) => name.startsWith('.') || name.startsWith('@/'))
    .map((name) => locate(file, name))
    .filter(Boolean);
}

const graph = new Map(files.map((file) => [file, importsOf(file)]));
const short = (file) => relative(ROOT, file);
const layerOf = (file) => LAYERS.indexOf(short(file).split('/')[0]);
const featureOf = (file) => /^features\/([^/]+)\//.exec(short(file))?.[1];
const problems = [];

for (const [file, targets] of graph) {
  for (const target of targets) {
    if (layerOf(file) >= 0 && layerOf(target) > layerOf(file)) {
      problems.push(`${short(file)} must not import ${short(target)}: a lower layer knows nothing of a higher one`);
    }
    if (featureOf(file) && featureOf(target) && featureOf(file) !== featureOf(target)) {
      problems.push(`${short(file)} must not import ${short(target)}: features do not know each other`);
    }
  }
}

const done = new Set();
function visit(file, trail) {
  if (trail.includes(file)) {
    problems.push(`circle: ${[...trail.slice(trail.indexOf(file)), file].map(short).join(' -> ')}`);
  } else if (!done.has(file)) {
    for (const target of graph.get(file)) visit(target, [...trail, file]);
    done.add(file);
  }
}
for (const file of files) visit(file, []);

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`${files.length} modules: no circle, layers in order`);
