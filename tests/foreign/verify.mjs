// node verify.mjs BUNDLE TRUST [EXPECT_PAYLOAD_SHA256]
//
// Verifies a bundle with Sigstore's own library, unmodified, and none of vouch's code. Prints OK or REFUSED <code>;
// exits with 0 or 1. TRUST is the trust file: its trusted root names the log, its evidence keys are picked by the
// bundle's hint. With a third argument the payload must also have that SHA-256.
import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { bundleFromJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { Verifier, toSignedEntity, toTrustMaterial } from '@sigstore/verify';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

// Evidence keys by key id, which is computed here and not taken from the file.
function evidenceKeys(trust) {
  const keys = Object.create(null);
  for (const { publicKey } of trust.evidenceKeys) {
    const der = createPublicKey(publicKey).export({ type: 'spki', format: 'der' });
    keys[sha256(der)] = { rawBytes: der };
  }
  return keys;
}

// No timestamp and no certificate are asked for: the bundle has a public key, and the log gives it its place in time.
const thresholds = { tlogThreshold: 1, timestampThreshold: 0, ctlogThreshold: 0 };

// "OK" or "REFUSED <code>" for a parsed bundle and a parsed trust file.
export function verdict(bundleJSON, trust, expectedPayload) {
  try {
    const bundle = bundleFromJSON(bundleJSON);
    const root = TrustedRoot.fromJSON(trust.trustedRoot);
    new Verifier(toTrustMaterial(root, evidenceKeys(trust)), thresholds).verify(toSignedEntity(bundle));
    const payload = sha256(bundle.content.dsseEnvelope.payload);
    return expectedPayload && payload !== expectedPayload ? 'REFUSED PAYLOAD_DIGEST' : 'OK';
  } catch (error) {
    return `REFUSED ${error.code ?? error.name}`;
  }
}

export const readJSON = (path) => JSON.parse(readFileSync(path, 'utf8'));

if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  const [bundle, trust, expected] = process.argv.slice(2);
  if (!trust) {
    console.error('usage: node verify.mjs BUNDLE TRUST [EXPECT_PAYLOAD_SHA256]');
    process.exit(2);
  }
  const answer = verdict(readJSON(bundle), readJSON(trust), expected);
  console.log(answer);
  process.exit(answer === 'OK' ? 0 : 1);
}
