// node tamper.mjs BUNDLE TRUST [FOLDER]
//
// Changes one byte of each part of a good bundle and expects Sigstore's library to refuse it every time. Prints a line
// for each change; exits with 0 when the bundle itself is accepted and every changed one is refused. The changed bundles
// are left in FOLDER, for other verifiers to refuse.
import { writeFileSync } from 'node:fs';
import { readJSON, verdict } from './verify.mjs';

// One bit in the middle of what a base64 text stands for.
function flip(text) {
  const bytes = Buffer.from(text, 'base64');
  bytes[bytes.length >> 1] ^= 1;
  return bytes.toString('base64');
}

const logged = (bundle) => bundle.verificationMaterial.tlogEntries[0];

// In a checkpoint: one character of its root, or one of the log's signature.
function changeLine(bundle, pattern) {
  const checkpoint = logged(bundle).inclusionProof.checkpoint;
  checkpoint.envelope = checkpoint.envelope.replace(pattern, (whole, head, character) =>
    head + (character === 'A' ? 'B' : 'A'));
}

const changes = {
  payload: (bundle) => { bundle.dsseEnvelope.payload = flip(bundle.dsseEnvelope.payload); },
  'payload-type': (bundle) => { bundle.dsseEnvelope.payloadType += ' '; },
  signature: (bundle) => { bundle.dsseEnvelope.signatures[0].sig = flip(bundle.dsseEnvelope.signatures[0].sig); },
  leaf: (bundle) => { logged(bundle).canonicalizedBody = flip(logged(bundle).canonicalizedBody); },
  'proof-hash': (bundle) => {
    const hashes = logged(bundle).inclusionProof.hashes;
    hashes[hashes.length >> 1] = flip(hashes[hashes.length >> 1]);
  },
  'proof-shorter': (bundle) => { logged(bundle).inclusionProof.hashes.pop(); },
  index: (bundle) => {
    const proof = logged(bundle).inclusionProof;
    proof.logIndex = String(BigInt(proof.logIndex) ^ 1n);
  },
  'checkpoint-root': (bundle) => changeLine(bundle, /^([^\n]*\n[^\n]*\n.{10})(.)/s),
  'checkpoint-size': (bundle) => changeSize(bundle),
  'checkpoint-signature': (bundle) => changeLine(bundle, /(\n\n\u2014 \S+ .{30})(.)/s),
  'no-entry': (bundle) => { bundle.verificationMaterial.tlogEntries = []; },
  'another-key': (bundle) => { bundle.verificationMaterial.publicKey.hint = '0'.repeat(64); },
};

function changeSize(bundle) {
  const checkpoint = logged(bundle).inclusionProof.checkpoint;
  checkpoint.envelope = checkpoint.envelope.replace(/\n(\d+)\n/, (whole, size) => `\n${BigInt(size) + 1n}\n`);
}

const [bundlePath, trustPath, folder] = process.argv.slice(2);
if (!trustPath) {
  console.error('usage: node tamper.mjs BUNDLE TRUST [FOLDER]');
  process.exit(2);
}
const trust = readJSON(trustPath);
const original = verdict(readJSON(bundlePath), trust);
let bad = original === 'OK' ? 0 : 1;
console.log(`unchanged: ${original}`);
for (const [name, change] of Object.entries(changes)) {
  const bundle = readJSON(bundlePath);
  const before = JSON.stringify(bundle);
  change(bundle);
  const answer = JSON.stringify(bundle) === before ? 'NOT CHANGED' : verdict(bundle, trust);
  if (!answer.startsWith('REFUSED')) bad += 1;
  if (folder) writeFileSync(`${folder}/${name}.json`, JSON.stringify(bundle));
  console.log(`${name}: ${answer}`);
}
process.exit(bad ? 1 : 0);
