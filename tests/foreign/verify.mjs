// node verify.mjs [--time] BUNDLE TRUST [EXPECT_PAYLOAD_SHA256]
//
// Verifies a bundle with Sigstore's own library, unmodified, and none of vouch's code. Prints OK or REFUSED <code>;
// exits with 0 or 1. TRUST is the trust file: its trusted root names the log, its evidence keys are picked by the
// bundle's hint. With a third argument the payload must also have that SHA-256. With --time there must be a time-stamp by
// an authority of the trusted root, and its time is printed behind OK.
import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { bundleFromJSON } from '@sigstore/bundle';
import { RFC3161Timestamp } from '@sigstore/core';
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

// No certificate is asked for: the bundle has a public key. And a time-stamp only with --time: else the log gives it its
// place in time.
const thresholds = { tlogThreshold: 1, timestampThreshold: 0, ctlogThreshold: 0 };
export const thresholdsWithTime = { ...thresholds, timestampThreshold: 1 };

// When the first time-stamp of a bundle says that it was made.
const stampedAt = (bundle) =>
  RFC3161Timestamp.parse(
    bundle.verificationMaterial.timestampVerificationData.rfc3161Timestamps[0].signedTimestamp,
  ).signingTime.toISOString();

// "OK" or "REFUSED <code>" for a parsed bundle and a parsed trust file.
export function verdict(bundleJSON, trust, expectedPayload, needed = thresholds) {
  try {
    const bundle = bundleFromJSON(bundleJSON);
    const root = TrustedRoot.fromJSON(trust.trustedRoot);
    new Verifier(toTrustMaterial(root, evidenceKeys(trust)), needed).verify(toSignedEntity(bundle));
    const payload = sha256(bundle.content.dsseEnvelope.payload);
    if (expectedPayload && payload !== expectedPayload) return 'REFUSED PAYLOAD_DIGEST';
    return needed.timestampThreshold > 0 ? `OK ${stampedAt(bundle)}` : 'OK';
  } catch (error) {
    return `REFUSED ${error.code ?? error.name}`;
  }
}

export const readJSON = (path) => JSON.parse(readFileSync(path, 'utf8'));

if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  const hasTime = process.argv[2] === '--time';
  const [bundle, trust, expected] = process.argv.slice(hasTime ? 3 : 2);
  if (!trust) {
    console.error('usage: node verify.mjs [--time] BUNDLE TRUST [EXPECT_PAYLOAD_SHA256]');
    process.exit(2);
  }
  const answer = verdict(readJSON(bundle), readJSON(trust), expected, hasTime ? thresholdsWithTime : thresholds);
  console.log(answer);
  process.exit(answer.startsWith('OK') ? 0 : 1);
}
