// The operator of attack.mjs: the keys that he has, the hosts that he has to do with, and what several attacks do. p is a
// Package of forge.mjs.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { better, canonical, digestOf, hex, open, readKey, seal, sha256, spkiOf, stateLeaf } from './forge.mjs';

export const DAY = 86400;
export const shifted = (time, seconds) =>
  new Date(Date.parse(time) + 1000 * seconds).toISOString().replace(/\.\d+Z$/, 'Z');

export function worldOf(keys) {
  const key = (name) => readKey(join(keys, `${name}.key`));
  const text = (name) => readFileSync(join(keys, name), 'utf8').trim();
  const logKey = key('log'),
    collectorKey = key('collector'),
    hostKey = key('host');
  const web = text('web'),
    db = text('db'),
    pipeline = text('pipeline');
  const fresh = () => generateKeyPairSync('ed25519').privateKey;
  const failed = (p) =>
    p.lines.find((line) => {
      const { predicate, subject } = open(line);
      const body =
        predicate.host.id === web && predicate.type === 'round' && p.files.get(`bodies/${subject[0].digest.sha256}`);
      return body && body.includes('"verdict":"fail"');
    });
  const without = (p, ...dropped) => {
    p.lines = p.lines.filter((line) => !dropped.includes(line));
  };
  // A next statement of a host's line, behind all others.
  const next = (p, host, change) => {
    const last = p.lines.filter((line) => open(line).predicate.host.id === host).at(-1);
    const statement = open(last);
    statement.predicate.sequence += 1;
    statement.predicate.previous = digestOf(last);
    change(statement);
    return statement;
  };
  const append = (p, envelope, receivedAt = p.lines.at(-1).receivedAt) => {
    p.lines.push({ envelope, index: p.lines.length, receivedAt });
  };
  const resigned = (p, by) => {
    const line = failed(p);
    line.envelope = seal(p.rewritten(line, better), by);
    p.learn(spkiOf(by));
    p.rebuild(logKey);
  };
  const stamped = (p) => p.anchorSizes().filter((size) => p.files.has(`log/anchors/${size}/timestamp-1.tsr`));
  const own = (p) => open(p.lines.find((line) => open(line).predicate.purpose === 'collector')).predicate.host.id;
  // By a host that is in league with the operator: a round, all of whose times are others.
  const byHost = (p, seconds, change, receivedAt) => {
    const statement = next(p, web, (s) => {
      const body = JSON.parse(p.files.get(`bodies/${s.subject[0].digest.sha256}`));
      for (const one of [s.predicate, ...body.results]) {
        for (const member of ['startedAt', 'finishedAt', 'collectedAt', 'expiresAt'])
          if (one[member]) one[member] = shifted(one[member], seconds);
      }
      s.subject[0].digest.sha256 = p.addBody(canonical(body));
      change(s.predicate);
    });
    append(p, seal(statement, hostKey), receivedAt);
    p.rebuild(logKey);
  };
  const nothing = () => {};
  const bodyOf = (p, line) => `bodies/${open(line).subject[0].digest.sha256}`;
  const eraseAll = (p, line, record) => {
    const name = bodyOf(p, line);
    const body = JSON.parse(p.files.get(name));
    body.results = body.results.map((result) => ({
      ...Object.fromEntries(
        ['rule', 'kind', 'severity', 'key', 'controls', 'collectedAt', 'expiresAt'].map((member) => [
          member,
          result[member],
        ]),
      ),
      verdict: 'pass',
      erased: { leaf: stateLeaf(result).toString('hex'), statement: record },
    }));
    p.files.delete(name);
    p.files.set(`${name}.erased`, Buffer.from(canonical(body)));
  };
  const sealRecord = (p, by, host, sequence, previous, line) => {
    const body = canonical({
      bodies: [{ body: bodyOf(p, line).slice(7), statement: digestOf(line) }],
      by: 'nobody',
      reason: 'none',
      retention: 'none',
    });
    const statement = next(p, own(p), (s) => {
      s.subject[0] = { digest: { sha256: p.addBody(body) }, name: 'erasure' };
      Object.assign(s.predicate, { type: 'erasure', host, sequence, previous });
    });
    p.learn(spkiOf(by));
    append(p, seal(statement, by));
    return digestOf(p.lines.at(-1));
  };
  return {
    logKey,
    collectorKey,
    hostKey,
    web,
    db,
    pipeline,
    fresh,
    failed,
    without,
    next,
    append,
    resigned,
    stamped,
    own,
    byHost,
    nothing,
    bodyOf,
    eraseAll,
    sealRecord,
    keys,
  };
}
