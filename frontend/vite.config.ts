import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { precompress } from './precompress.ts';

/** Where the gateway listens during development. */
const GATEWAY = process.env['GATEWAY_URL'] ?? 'http://localhost:8001';

const packages = (...names: string[]): RegExp => new RegExp(`[\\\\/]node_modules[\\\\/](?:${names.join('|')})[\\\\/]`);

export default defineConfig({
  plugins: [react(), precompress()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  server: {
    proxy: {
      '/api': GATEWAY,
      '/health': GATEWAY,
      '/socket.io': { target: GATEWAY, ws: true },
    },
  },
  build: {
    // Assets stay files: `data:` addresses would need exceptions in the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'ui-vendor', test: packages('react', 'react-dom', 'scheduler', 'wouter', 'use-sync-external-store') },
            { name: 'chart-vendor', test: packages('lightweight-charts', 'fancy-canvas') },
            { name: 'sentry-vendor', test: packages('@sentry', '@sentry-internal') },
            { name: 'vendor', test: /[\\/]node_modules[\\/]/ },
          ],
        },
      },
    },
  },
});
