import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

const COMPRESSIBLE = /\.(?:js|css|html|svg)$/;
/** Below this many bytes the headers cost more than compression saves. */
const MINIMUM = 1000;

/** Lays a Brotli and a gzip form beside every file of the build that gains by it, for the gateway to serve as they are. */
export function precompress(): Plugin {
  let folder = '';
  return {
    name: 'precompress',
    apply: 'build',
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    closeBundle() {
      for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
        if (COMPRESSIBLE.test(name)) compress(join(folder, name));
      }
      // The gateway reads the folder again when the page is newer: now everything lies beside it.
      const now = new Date();
      utimesSync(join(folder, 'index.html'), now, now);
    },
  };
}

function compress(file: string): void {
  const body = readFileSync(file);
  if (body.length < MINIMUM) return;
  writeFileSync(`${file}.br`, brotliCompressSync(body));
  writeFileSync(`${file}.gz`, gzipSync(body, { level: 9 }));
}
