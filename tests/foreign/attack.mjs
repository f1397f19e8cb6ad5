// node attack.mjs package BEFORE WHOLE PART KEYS OUT
// node attack.mjs log COLLECTOR INDEX
//
// What an operator can do who has the disk and the keys of a collector, done well: after each change of an audit package
// whatever can be made to fit is made to fit again (digests, the tree, the checkpoint's signature by the log's own key,
// the anchors that still hold, the manifest), so that nothing is found but what the change itself leaves behind.
//
// package: writes the changed copies OUT/<attack>. WHOLE is a package of everything in the log, BEFORE one of what was
// there when its first anchor was the last, PART one of a control. KEYS is a folder with log.key, collector.key, host.key
// (of the host `web`, where host and operator are in league); web, db and pipeline (their host ids); own.tsr and own.pem (a
// time-stamp over the last checkpoint by an authority of the operator's) and other-text.tsr (the true one's).
// log: takes entry INDEX out of the collector's log and builds the log anew: tiles, entries, checkpoint.
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  Package,
  better,
  canonical,
  checkpointNote,
  digestOf,
  hex,
  keyidOf,
  leafHash,
  open,
  readKey,
  rootOf,
  seal,
  sha256,
  spkiOf,
  stateLeaf,
} from './forge.mjs';
import { DAY, shifted, worldOf } from './operator.mjs';

// Statements and their order.
function order(world) {
  const { logKey, web, db, failed, without, append } = world;
  return {
    dropped: (p) => {
      without(p, failed(p));
      p.rebuild(logKey);
    },
    'dropped-quietly': (p) => {
      const line = failed(p);
      p.hide((other) => other === line);
    },
    tail: (p) => {
      p.lines.length -= 2;
      p.rebuild(logKey);
    },
    swapped: (p) => {
      const one = p.lines.indexOf(failed(p)),
        other = one + 1;
      [p.lines[one], p.lines[other]] = [p.lines[other], p.lines[one]];
      p.rebuild(logKey);
    },
    'swapped-in-line': (p) => {
      const [one, other] = [p.find(web, 'round', 0), p.find(web, 'round', 1)].map((line) => p.lines.indexOf(line));
      [p.lines[one], p.lines[other]] = [p.lines[other], p.lines[one]];
      p.rebuild(logKey);
    },
    twice: (p) => {
      append(p, p.find(web, 'round', 0).envelope);
      p.rebuild(logKey);
    },
    'anchors-kept': (p) => {
      without(p, failed(p));
      p.rebuild(logKey, p.anchorSizes());
    },
    'host-hidden': (p) => p.hide((line) => open(line).predicate.host.id === db),
    'period-hidden': (p) => {
      const bad = failed(p).index;
      p.hide(
        (line) =>
          open(line).predicate.host.id === web &&
          open(line).predicate.type === 'round' &&
          line.index >= bad &&
          line.index < bad + 6,
      );
    },
    'node-over-entry': (p) =>
      p.putLines('log/nodes.jsonl', [{ hash: hex('nothing'), index: failed(p).index, level: 0 }]),
    'node-for-entry': (p) => {
      const line = failed(p);
      p.hide((other) => other === line);
      p.putLines('log/nodes.jsonl', [{ hash: hex('nothing'), index: line.index, level: 0 }]);
    },
  };
}

// What was said.
function saying(world) {
  const { logKey, collectorKey, web, fresh, failed, next, append, resigned, bodyOf, keys } = world;
  return {
    body: (p) => {
      const name = bodyOf(p, failed(p)),
        body = JSON.parse(p.files.get(name));
      better(body);
      p.files.set(name, Buffer.from(canonical(body)));
    },
    'body-and-statement': (p) => {
      const line = failed(p),
        statement = p.rewritten(line, better);
      line.envelope.payload = Buffer.from(canonical(statement)).toString('base64');
      p.rebuild(logKey);
    },
    'by-log-key': (p) => resigned(p, logKey),
    'by-collector-key': (p) => resigned(p, collectorKey),
    'keyid-of-host': (p) => {
      // as before, and the hint names the host's key
      const line = failed(p),
        { keyid } = line.envelope.signatures[0];
      line.envelope = seal(p.rewritten(line, better), logKey, keyid);
      p.rebuild(logKey);
    },
    inserted: (p) => {
      append(
        p,
        seal(
          next(p, web, () => {}),
          collectorKey,
        ),
      );
      p.learn(spkiOf(collectorKey));
      p.rebuild(logKey);
    },
    epoch: (p) => {
      const epochKey = spkiOf(fresh()).toString('base64');
      const body = canonical({ epochKey, lastBootId: '', reason: 'reset' });
      append(
        p,
        seal(
          next(p, web, (s) => {
            s.subject[0] = { digest: { sha256: p.addBody(body) }, name: 'epoch' };
            for (const member of ['looked', 'state', 'full']) delete s.predicate[member];
            Object.assign(s.predicate, { type: 'epoch', epochKey, lastBootId: s.predicate.bootId, reason: 'reset' });
          }),
          logKey,
        ),
      );
      p.learn(spkiOf(logKey));
      p.rebuild(logKey);
    },
    'second-key': (p) => {
      const by = fresh();
      p.learn(spkiOf(by));
      const evidenceKey = spkiOf(by).toString('base64');
      const statement = open(p.find(web, 'enrolment'));
      const body = canonical({ evidenceKey, host: statement.predicate.host, transportKey: evidenceKey });
      statement.subject[0].digest.sha256 = p.addBody(body);
      Object.assign(statement.predicate, { evidenceKey, transportKey: evidenceKey });
      append(p, seal(statement, by));
      p.rebuild(logKey);
      const trust = JSON.parse(p.files.get('trust.json')); // and the keys that the package offers for comparison
      trust.evidenceKeys.find((one) => one.host === web).publicKey = createPublicKey(by).export({
        type: 'spki',
        format: 'pem',
      });
      trust.evidenceKeys.find((one) => one.host === web).keyid = keyidOf(by);
      p.files.set('trust.json', Buffer.from(canonical(trust)));
    },
  };
}

// Policies.
function policies(world) {
  const { logKey, web, bodyOf } = world;
  return {
    'policy-body': (p) => {
      const name = bodyOf(p, p.find(web, 'policy'));
      p.files.set(name, Buffer.from(p.files.get(name).toString().replaceAll('exists: true', 'exists: false')));
    },
    'policy-everywhere': (p) => {
      const old = open(p.find(web, 'policy')).subject[0].digest.sha256;
      const digest = p.addBody(p.files.get(`bodies/${old}`).toString().replaceAll('exists: true', 'exists: false'));
      p.files.delete(`bodies/${old}`);
      for (const line of p.lines)
        line.envelope.payload = Buffer.from(
          Buffer.from(line.envelope.payload, 'base64').toString().replaceAll(old, digest),
        ).toString('base64');
      p.rebuild(logKey);
    },
  };
}

// Erasures and revocations.
function records(world) {
  const { logKey, fresh, failed, without, append, own, bodyOf, eraseAll, sealRecord } = world;
  return {
    erased: (p) => {
      p.files.delete(bodyOf(p, failed(p)));
    },
    'erased-other-record': (p) => eraseAll(p, failed(p), digestOf(p.find(own(p), 'erasure'))),
    'erased-forged': (p) => {
      const last = p.find(own(p), 'erasure', -1),
        { host, sequence } = open(last).predicate,
        line = failed(p);
      eraseAll(p, line, sealRecord(p, logKey, host, sequence + 1, digestOf(last), line));
      p.rebuild(logKey);
    },
    'erased-own-line': (p) => {
      // a second line of a collector, by a key of its own
      const by = fresh(),
        line = failed(p),
        id = 'c0ffee00-0000-4000-8000-000000000001';
      p.learn(spkiOf(by));
      const statement = open(p.find(own(p), 'enrolment'));
      const evidenceKey = spkiOf(by).toString('base64');
      const host = { ...statement.predicate.host, id };
      statement.subject[0].digest.sha256 = p.addBody(canonical({ evidenceKey, host }));
      Object.assign(statement.predicate, { evidenceKey, host });
      append(p, seal(statement, by));
      eraseAll(p, line, sealRecord(p, by, host, 2, digestOf(p.lines.at(-1)), line));
      p.rebuild(logKey);
    },
    'revocation-removed': (p) => {
      without(p, p.find(own(p), 'revocation'));
      p.rebuild(logKey);
    },
    'revocation-hidden': (p) => {
      const line = p.find(own(p), 'revocation');
      p.hide((other) => other === line);
    },
    'own-line-hidden': (p) => p.hide((line) => open(line).predicate.host.id === own(p)),
  };
}

// Anchors.
function anchors(world) {
  const { fresh, stamped, own, keys } = world;
  return {
    'token-moved': (p) => {
      const [from] = stamped(p),
        to = p.anchorSizes().at(-1);
      for (const end of ['tsr', 'pem'])
        p.files.set(`log/anchors/${to}/timestamp-1.${end}`, p.files.get(`log/anchors/${from}/timestamp-1.${end}`));
    },
    'token-own': (p) => {
      const to = p.anchorSizes().at(-1);
      p.files.set(`log/anchors/${to}/timestamp-1.tsr`, readFileSync(join(keys, 'own.tsr')));
      p.files.set(`log/anchors/${to}/timestamp-1.pem`, readFileSync(join(keys, 'own.pem')));
    },
    'token-other-text': (p) => {
      for (const size of stamped(p))
        p.files.set(`log/anchors/${size}/timestamp-1.tsr`, readFileSync(join(keys, 'other-text.tsr')));
    },
    'no-cosignatures': (p) => {
      const bare = (name) =>
        p.files.set(name, Buffer.from(p.files.get(name).toString().split('\n').slice(0, 5).join('\n') + '\n'));
      for (const size of p.anchorSizes()) bare(`log/anchors/${size}/checkpoint`);
      bare('log/checkpoint');
    },
    'one-witness-twice': (p) => {
      const twice = (name) => {
        const lines = p.files.get(name).toString().split('\n').slice(0, 6);
        p.files.set(name, Buffer.from([...lines, lines[5], ''].join('\n')));
      };
      for (const size of p.anchorSizes()) twice(`log/anchors/${size}/checkpoint`);
      twice('log/checkpoint');
    },
    'one-witness-as-other': (p) => {
      // the second's line is made of the first's signature
      const name = 'log/checkpoint',
        lines = p.files.get(name).toString().split('\n');
      const [, one, first] = lines[5].split(' '),
        [, other, second] = lines[6].split(' ');
      const bytes = Buffer.concat([
        Buffer.from(second, 'base64').subarray(0, 4),
        Buffer.from(first, 'base64').subarray(4),
      ]);
      lines[6] = `\u2014 ${other} ${bytes.toString('base64')}`;
      if (one === other) throw new Error('the same witness');
      p.files.set(name, Buffer.from(lines.join('\n')));
      p.files.set(`log/anchors/${p.anchorSizes().at(-1)}/checkpoint`, p.files.get(name));
    },
    'own-witness': (p) => {
      // a key of the operator's under the second witness' name
      const by = fresh(),
        name = 'log/checkpoint',
        lines = p.files.get(name).toString().split('\n');
      const time = Buffer.alloc(8);
      time.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 1000)));
      const [, witness] = lines[6].split(' '),
        signed = `cosignature/v1\ntime ${time.readBigUInt64BE()}\n${lines.slice(0, 3).join('\n')}\n`;
      const id = sha256(`${witness}\n`, Buffer.from([4]), spkiOf(by).subarray(-32)).subarray(0, 4);
      lines[6] = `\u2014 ${witness} ${Buffer.concat([id, time, sign(null, signed, by)]).toString('base64')}`;
      for (const size of p.anchorSizes()) p.dropAnchor(size);
      p.files.set(name, Buffer.from(lines.join('\n')));
    },
  };
}

// Time.
function times(world) {
  const { failed, byHost, nothing } = world;
  return {
    'received-early': (p) => {
      const line = p.lines.at(-1);
      line.receivedAt = shifted(line.receivedAt, -DAY);
    },
    'received-late': (p) => {
      const line = failed(p);
      line.receivedAt = shifted(line.receivedAt, DAY);
    },
    'received-a-little': (p) => {
      const line = failed(p);
      line.receivedAt = shifted(line.receivedAt, -2);
    },
    'back-dated': (p) => byHost(p, -DAY, nothing),
    'back-dated-no-checkpoint': (p) =>
      byHost(p, -DAY, (predicate) => {
        delete predicate.checkpoint;
      }),
    'back-dated-receipt': (p) =>
      byHost(
        p,
        -DAY,
        (predicate) => {
          delete predicate.checkpoint;
        },
        shifted(p.lines.at(-1).receivedAt, -DAY),
      ),
    'back-dated-a-little': (p) => byHost(p, -120, nothing),
    'forward-dated': (p) => byHost(p, DAY, nothing),
  };
}

// Attestations.
function attestations(world) {
  const { logKey, pipeline, append, own, bodyOf } = world;
  return {
    'attestation-changed': (p) => {
      const name = bodyOf(p, p.find(pipeline, 'attestation'));
      p.files.set(name, Buffer.from(p.files.get(name).toString().replace('A.8.28', 'A.8.29')));
    },
    'attestation-again': (p) => {
      const { envelope, receivedAt } = p.find(pipeline, 'attestation');
      p.lines.splice(p.lines.indexOf(p.find(own(p), 'revocation')), 0, { envelope, receivedAt });
      p.rebuild(logKey);
    },
    'attestation-revoked': (p) => {
      append(p, p.find(pipeline, 'attestation').envelope);
      p.rebuild(logKey);
    },
  };
}

// The package itself.
function manifests(world) {
  const {} = world;
  return {
    'manifest-count': (p) => {
      p.edit = (m) => ({ ...m, rows: { ...m.rows, statements: m.rows.statements - 1 } });
    },
    'manifest-total': (p) => {
      p.edit = (m) => ({ ...m, hashTotal: hex('nothing') });
    },
    'manifest-file': (p) => {
      p.edit = (m) => ({ ...m, files: m.files.filter((file) => file.name !== 'trust.json') });
    },
    'old-package': (p) => {
      const { to } = p.manifest.query;
      p.edit = (m) => ({ ...m, query: { ...m.query, from: to, to: shifted(to, DAY) }, createdAt: shifted(to, DAY) });
    },
  };
}

function attacks(keys) {
  const world = worldOf(keys);
  const groups = [order, saying, policies, records, anchors, times, attestations, manifests];
  return Object.assign({}, ...groups.map((group) => group(world)));
}

// Of a package of one control.
const partial = {
  'part-left-out': (p) => {
    const shown = p.readLines('disclosures.jsonl');
    for (const one of shown) {
      const at = one.results.findIndex((result) => result.verdict === 'fail');
      if (at < 0) continue;
      const [result] = one.results.splice(at, 1);
      one.nodes.push({ hash: stateLeaf(result).toString('hex'), index: result.index, level: 0 });
      one.nodes.sort((a, b) => a.level - b.level || a.index - b.index);
    }
    p.putLines('disclosures.jsonl', shown);
  },
  'part-verdict': (p) => {
    const shown = p.readLines('disclosures.jsonl');
    for (const one of shown) better(one);
    p.putLines('disclosures.jsonl', shown);
  },
  'part-round-left-out': (p) => {
    p.putLines(
      'disclosures.jsonl',
      p.readLines('disclosures.jsonl').filter((one) => !one.results.some((result) => result.verdict === 'fail')),
    );
  },
};

function attackPackages(before, whole, part, keys, out) {
  const everything = new Package(whole);
  if (everything.lines.some((line, at) => line.index !== at))
    throw new Error('the package does not have the whole log');
  const all = attacks(keys);
  everything.rebuild(readKey(join(keys, 'log.key')));
  everything.write(join(out, 'nothing'));
  const { to } = everything.manifest.query;
  const cut = (p, end) => {
    p.lines.length = Number(p.anchorSizes().at(-1));
    p.rebuild(readKey(join(keys, 'log.key')));
    p.edit = (m) => ({ ...m, createdAt: end, query: { ...m.query, to: end } });
  };
  const early = { 'tail-at-anchor': (p) => cut(p, to), 'longer-period': (p) => cut(p, shifted(to, DAY)) };
  for (const [folder, list] of [
    [before, early],
    [whole, all],
    [part, partial],
  ]) {
    for (const [name, attack] of Object.entries(list)) {
      const copy = new Package(folder);
      attack(copy);
      copy.write(join(out, name));
    }
  }
}

// --- a collector's log -------------------------------------------------------------------------------------------------

function attackLog(collector, index) {
  const log = join(collector, 'log'),
    [origin, size] = readFileSync(join(log, 'checkpoint'), 'utf8').split('\n');
  const bundle = readFileSync(join(log, `tile/entries/000.p/${size}`)),
    entries = [];
  for (let at = 0; at < bundle.length; at += 2 + bundle.readUInt16BE(at))
    entries.push(bundle.subarray(at + 2, at + 2 + bundle.readUInt16BE(at)));
  entries.splice(index, 1);
  rmSync(join(log, 'tile'), { recursive: true });
  mkdirSync(join(log, 'tile/entries/000.p'), { recursive: true });
  mkdirSync(join(log, 'tile/0/000.p'), { recursive: true });
  const framed = entries.map((entry) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(entry.length);
    return Buffer.concat([length, entry]);
  });
  const leaves = entries.map(leafHash);
  writeFileSync(join(log, `tile/entries/000.p/${leaves.length}`), Buffer.concat(framed));
  writeFileSync(join(log, `tile/0/000.p/${leaves.length}`), Buffer.concat(leaves));
  writeFileSync(
    join(log, 'checkpoint'),
    checkpointNote(origin, leaves.length, rootOf(leaves), readKey(join(collector, 'log.key'))),
  );
}

const [verb, ...rest] = process.argv.slice(2);
if (verb === 'package' && rest.length === 5) attackPackages(...rest);
else if (verb === 'log' && rest.length === 2) attackLog(rest[0], Number(rest[1]));
else {
  console.error('usage: node attack.mjs package BEFORE WHOLE PART KEYS OUT | log COLLECTOR INDEX');
  process.exit(2);
}
