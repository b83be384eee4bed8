import '@/styles/tokens.css';
import '@/styles/base.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from '@/app/app';
import { reportError, startMonitoring } from '@/lib/monitoring';

const root = document.getElementById('root');
if (!root) throw new Error('The page has no element with the id "root".');

createRoot(root, { onUncaughtError: reportUncaught }).render(
  <StrictMode>
    <App />
  </StrictMode>,
);

function reportUncaught(error: unknown): void {
  reportError(error);
}

// After the first paint: reporting must not delay the page.
requestAnimationFrame(() => setTimeout(() => void startMonitoring(), 0));
