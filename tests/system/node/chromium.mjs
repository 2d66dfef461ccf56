// How the tests start Chromium.
import { createHash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';

async function trusted(certificate) {
  const { publicKey } = new X509Certificate(await readFile(certificate));
  const digest = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64');
  return [`--ignore-certificate-errors-spki-list=${digest}`];
}

// trust: of all certificates only this one is good. port: where connections to port 443 of localhost are made instead;
// the page knows nothing of it.
export async function launch_options({ chromium = '/usr/bin/chromium', trust, port }) {
  return {
    executablePath: chromium,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
      ...(trust ? await trusted(trust) : []),
      ...(port ? [`--host-resolver-rules=MAP localhost:443 127.0.0.1:${port}`] : [])],
  };
}
