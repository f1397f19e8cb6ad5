// node tsa.mjs PORT FOLDER: a time-stamp authority over HTTP (RFC 3161 3.4) for tests, around `openssl ts -reply` with
// FOLDER/tsa.cnf, which is read anew for each request.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [port, folder] = process.argv.slice(2);

function reply(query) {
  const work = mkdtempSync(join(folder, 'request-'));
  try {
    writeFileSync(join(work, 'q'), query);
    const files = ['-config', 'tsa.cnf', '-queryfile', join(work, 'q'), '-out', join(work, 'r')];
    execFileSync('openssl', ['ts', '-reply', ...files], { cwd: folder, stdio: 'ignore' });
    return readFileSync(join(work, 'r'));
  } finally {
    rmSync(work, { recursive: true });
  }
}

createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const isQuery = request.method === 'POST' && request.headers['content-type'] === 'application/timestamp-query';
    let status = isQuery ? 200 : 400;
    let body = '';
    try {
      body = isQuery ? reply(Buffer.concat(pieces)) : '';
    } catch (error) {
      console.error(String(error)); // the next one may be answered
      status = 500;
    }
    response.writeHead(status, { 'Content-Type': 'application/timestamp-reply' });
    response.end(body);
  });
}).listen(Number(port), '127.0.0.1');
